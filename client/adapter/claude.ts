/** Speaks to Claude: OpenAI's requests in Anthropic's words, Anthropic's events in OpenAI's. */

import type { ProviderConfig } from "../config.ts";
import type { World } from "../world.ts";
import { type Adapter, type AdapterCall, type ListedModel, UpstreamFailure } from "./adapter.ts";
import { baseUrlOf } from "./base_url.ts";
import type { ChatChunk } from "./chat.ts";
import { readChatRequest } from "./claude/chat_request.ts";
import { gather } from "./claude/completion.ts";
import { claudeError } from "./claude/error.ts";
import { EventDecoder } from "./claude/event_decoder.ts";
import { ModelList } from "./claude/model_list.ts";
import { translate } from "./claude/request.ts";
import { ThinkingMemory } from "./claude/thinking_memory.ts";
import type { ClaudeEvent } from "./claude/wire.ts";
import { nextPage, readListing } from "./listing.ts";
import { disconnected, readEvents } from "./event_stream.ts";
import { readRefusal, toFailure } from "./refusal.ts";
import { Upstream } from "./upstream.ts";

/** Newer versions refuse fields that OpenAI's clients always send. */
export const CLAUDE_VERSION = "2023-06-01";

/** The largest page that the provider gives, and more of them than anybody has models for. */
const LIST_PAGE_SIZE = 1000;
const MAX_LIST_PAGES = 5;

export class ClaudeAdapter implements Adapter {
  readonly #upstream: Upstream;
  readonly #memory = new ThinkingMemory();
  readonly #models: ModelList;

  constructor(
    provider: ProviderConfig,
    private readonly world: Pick<World, "fetch" | "todayMs" | "nowMs">,
  ) {
    this.#upstream = new Upstream({
      baseUrl: baseUrlOf(provider),
      apiKey: provider.api_key,
      headers: {
        "anthropic-version": provider.anthropic_version ?? CLAUDE_VERSION,
        ...(provider.api_key ? { "x-api-key": provider.api_key } : {}),
      },
      extraHeaders: provider.headers,
    }, world);
    this.#models = new ModelList(
      (model, signal) => this.#upstream.get(`models/${encodeURIComponent(model)}`, signal),
      world,
    );
  }

  /** All pages of its list. That models take tools is not told there: all of Claude's do. */
  async models(signal: AbortSignal): Promise<ListedModel[]> {
    const models: ListedModel[] = [];
    let after: string | null = null;
    for (let page = 0; page < MAX_LIST_PAGES && (page === 0 || after !== null); page++) {
      const query: Record<string, string> = { limit: String(LIST_PAGE_SIZE) };
      if (after !== null) query.after_id = after;
      const text = await this.#upstream.read("models", signal, query);
      models.push(...readListing(text));
      after = nextPage(text);
    }
    return models.map(({ id, capabilities }) => ({
      id,
      capabilities: { tools: true, ...capabilities },
    }));
  }

  async *answer(call: AdapterCall): AsyncIterable<string> {
    const chat = readChatRequest(call.bodyText);
    const facts = await this.#models.factsOf(call.model, call.signal);
    const { request, customNames, jsonTool } = translate(chat, call.model, facts, this.#memory);
    const decoder = new EventDecoder({
      model: chat.model ?? call.model,
      created: Math.floor(this.world.todayMs() / 1000),
      includeUsage: chat.stream_options?.include_usage === true,
      customNames,
      jsonTool,
      remember: (toolUseId, thoughts) => this.#memory.keep(call.model, toolUseId, thoughts),
    });
    const chunks = this.#chunks(JSON.stringify(request), decoder, call.signal);
    if (call.stream) {
      for await (const chunk of chunks) yield JSON.stringify(chunk);
    } else {
      yield JSON.stringify(gather(await Array.fromAsync(chunks), decoder.usage));
    }
  }

  /** Streams whatever the caller wants: long answers that are not streamed time out on the way. */
  async *#chunks(
    body: string,
    decoder: EventDecoder,
    signal: AbortSignal,
  ): AsyncIterable<ChatChunk> {
    const response = await this.#upstream.post("messages", body, {
      stream: true,
      signal,
    });
    if (!response.ok) {
      throw await readRefusal(
        response,
        signal,
        this.#upstream,
        this.world.todayMs(),
        claudeError,
      );
    }
    for await (const { data } of readEvents(response, signal)) {
      const event = parseEvent(data);
      if (event.type === "error") {
        const { code, error } = claudeError(200, event);
        throw toFailure(code, error, this.#upstream);
      }
      yield* decoder.decode(event);
      if (decoder.isComplete) return;
    }
    throw disconnected();
  }
}

function parseEvent(data: string): ClaudeEvent {
  try {
    const event: unknown = JSON.parse(data);
    if (typeof event === "object" && event !== null && "type" in event) return event as ClaudeEvent;
  } catch { /* not JSON: the same complaint */ }
  throw new UpstreamFailure(502, "The provider sent something that is not one of Claude's events");
}

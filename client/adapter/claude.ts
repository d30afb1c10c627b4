/** The adapter for Anthropic's API: translates chat completions, and relays Messages calls unchanged. */

import { z } from "zod";
import { Endpoint, endpointSpecs, everyEndpoint } from "../../protocol/mod.ts";
import type { World } from "../world.ts";
import type { Adapter, AdapterCall, ListedModel } from "./adapter.ts";
import type { ChatChunk } from "./chat.ts";
import { readChatRequest } from "./claude/chat_request.ts";
import { ClaudeUpstream, parseEvent } from "./claude/claude_upstream.ts";
import { gather } from "./claude/completion.ts";
import { EventDecoder } from "./claude/event_decoder.ts";
import { MessagesRelay } from "./claude/messages_relay.ts";
import { fetchImages } from "./claude/image_fetch.ts";
import { ModelList } from "./claude/model_list.ts";
import { translate } from "./claude/request.ts";
import { knowsThinking } from "./claude/thinking_blocks.ts";
import { ThinkingMemory } from "./claude/thinking_memory.ts";
import { realWeb, type Web } from "./claude/web.ts";
import type { ProviderOptions } from "./provider_options.ts";

export class ClaudeAdapter implements Adapter {
  /** Chat completions are translated to messages. */
  static readonly endpoints: readonly Endpoint[] = everyEndpoint.filter((path) =>
    isRelayed(path) || path === Endpoint.chat
  );
  static readonly options = {
    anthropic_version: z.string().regex(/^\d{4}-\d\d-\d\d$/, {
      error: 'must be a date such as "2023-06-01"',
    }).optional(),
    fetch_images: z.boolean().optional(),
  };
  readonly endpoints = ClaudeAdapter.endpoints;
  readonly #upstream: ClaudeUpstream;
  readonly #relay: MessagesRelay;
  readonly #models: ModelList;
  readonly #memory = new ThinkingMemory();

  constructor(
    private readonly provider: ProviderOptions,
    private readonly world: Pick<World, "fetch" | "todayMs" | "nowMs">,
    private readonly web: Web = realWeb,
  ) {
    this.#upstream = new ClaudeUpstream(provider, world);
    this.#relay = new MessagesRelay(this.#upstream, provider.headers);
    this.#models = new ModelList((model, signal) => this.#upstream.describe(model, signal), world);
  }

  models(signal: AbortSignal): Promise<ListedModel[]> {
    return this.#upstream.models(signal);
  }

  answer(call: AdapterCall): AsyncIterable<string> {
    return isRelayed(call.endpoint) ? this.#relay.answer(call) : this.#chat(call);
  }

  async *#chat(call: AdapterCall): AsyncIterable<string> {
    const chat = readChatRequest(call.bodyText);
    if (this.provider.fetch_images) await fetchImages(chat, this.web, call.signal);
    const facts = await this.#models.factsOf(call.model, call.signal);
    const { request, customNames, jsonTool } = translate(chat, call.model, facts, this.#memory);
    const decoder = new EventDecoder({
      model: call.askedModel,
      localModel: call.model,
      created: Math.floor(this.world.todayMs() / 1000),
      includeThinking: knowsThinking(chat),
      includeUsage: chat.stream_options?.include_usage === true,
      customNames,
      jsonTool,
      remember: (toolUseId, thoughts) => this.#memory.keep(call.model, toolUseId, thoughts),
    });
    const chunks = this.#chunks(JSON.stringify(request), decoder, call);
    if (call.stream) {
      for await (const chunk of chunks) yield JSON.stringify(chunk);
    } else {
      yield JSON.stringify(gather(await Array.fromAsync(chunks), decoder));
    }
  }

  /** Always streams from the upstream: a long answer that is not streamed times out on the way. */
  async *#chunks(
    body: string,
    decoder: EventDecoder,
    call: AdapterCall,
  ): AsyncIterable<ChatChunk> {
    const response = await this.#upstream.post({ path: "messages", body, stream: true }, call);
    for await (const { json } of this.#upstream.events(response, call.signal)) {
      yield* decoder.decode(parseEvent(json));
    }
  }
}

/** Whether calls are in the provider's own dialect, and need no translation. */
function isRelayed(endpoint: Endpoint): boolean {
  return endpointSpecs[endpoint].api === "anthropic";
}

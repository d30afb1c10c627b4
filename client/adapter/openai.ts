/** Passes calls through to any OpenAI-compatible server, and mends what such servers get wrong. */

import { Endpoint, withMember } from "../../protocol/mod.ts";
import type { ProviderConfig } from "../config.ts";
import type { World } from "../world.ts";
import { type Adapter, type AdapterCall, UpstreamFailure } from "./adapter.ts";
import { discard, readEvents, readWhole } from "./event_stream.ts";
import { type ChatManners, mannersOf } from "./messages/chat_request.ts";
import { messagesOverChat } from "./messages/over_chat.ts";
import { ChunkStream, notChunk } from "./openai/chunk_stream.ts";
import { completionChunks } from "./openai/completion_chunks.ts";
import { relayedHeaders } from "./relayed_headers.ts";
import { errorObject, readRefusal, statusIn, toFailure } from "./refusal.ts";
import { Upstream } from "./upstream.ts";

export const OPENAI_BASE_URL = "https://api.openai.com/v1";

type Json = Record<string, unknown>;

export class OpenAiAdapter implements Adapter {
  readonly endpoints: readonly Endpoint[] = [Endpoint.chat, Endpoint.messages];
  readonly #upstream: Upstream;
  readonly #manners: ChatManners;

  constructor(
    provider: ProviderConfig,
    private readonly world: Pick<World, "fetch" | "todayMs">,
  ) {
    const baseUrl = provider.base_url ?? OPENAI_BASE_URL;
    this.#manners = mannersOf(new URL(baseUrl).hostname);
    this.#upstream = new Upstream({
      baseUrl,
      apiKey: provider.api_key,
      headers: provider.api_key ? { authorization: `Bearer ${provider.api_key}` } : {},
      extraHeaders: provider.headers,
    }, world);
  }

  async *answer(call: AdapterCall): AsyncIterable<string> {
    if (call.endpoint === Endpoint.messages) {
      yield* messagesOverChat(call, this, this.#manners);
    } else {
      yield* this.#chat(call);
    }
  }

  async *#chat(call: AdapterCall): AsyncIterable<string> {
    const body = withMember(call.bodyText, "model", JSON.stringify(call.model));
    const response = await this.#upstream.post("chat/completions", body, call);
    if (!response.ok) {
      throw await readRefusal(
        response,
        call.signal,
        this.#upstream,
        this.world.todayMs(),
        (status, error) => ({ code: status, error: errorObject(error, `HTTP ${status}`) }),
      );
    }
    call.onHead?.(relayedHeaders(response.headers));
    const type = response.headers.get("content-type") ?? "";
    if (!call.stream) {
      yield await this.#wholeAnswer(response, type, call);
    } else if (/\bjson\b/i.test(type)) {
      yield* this.#asStream(response, call);
    } else {
      yield* this.#stream(response, call);
    }
  }

  async #wholeAnswer(response: Response, type: string, call: AdapterCall): Promise<string> {
    if (type.includes("text/event-stream")) {
      discard(response);
      throw new UpstreamFailure(502, "The provider streams although it was not asked to");
    }
    const text = (await readWhole(response, call.signal)).trim();
    const answer = parseObject(text);
    this.#throwIfError(answer);
    return text;
  }

  async *#asStream(response: Response, call: AdapterCall): AsyncIterable<string> {
    const answer = parseObject(await readWhole(response, call.signal));
    this.#throwIfError(answer);
    if (!Array.isArray(answer.choices)) throw notChunk();
    yield* completionChunks({ ...answer, choices: answer.choices }, wantsUsage(call.bodyText));
  }

  async *#stream(response: Response, call: AdapterCall): AsyncIterable<string> {
    const chunks = new ChunkStream();
    let saidDone = false;
    try {
      for await (const { event, data } of readEvents(response, call.signal)) {
        if (data.trim() === "[DONE]") {
          saidDone = true;
          break;
        }
        if (data.trim() === "") continue;
        const chunk = parseObject(data);
        this.#throwIfError(event === "error" && !chunk.error ? { error: chunk } : chunk);
        yield chunks.pass(data, chunk);
      }
    } catch (error) {
      const isLoss = error instanceof UpstreamFailure &&
        error.error?.code === "upstream_disconnected";
      if (!isLoss || !chunks.isComplete) throw error;
    }
    chunks.end(saidDone);
  }

  /** Servers that have said 200 can still fail: the error then stands where the answer would. */
  #throwIfError(answer: Json): void {
    const isError = answer.object === "error" || Boolean(answer.error);
    if (!isError) return;
    const error = errorObject(answer, "The provider failed in the middle of its answer");
    throw toFailure(statusIn(error) ?? 502, error, this.#upstream);
  }
}

/** Whether the caller asked for the usage chunk. */
export function wantsUsage(bodyText: string): boolean {
  const { stream_options: options } = JSON.parse(bodyText) as {
    stream_options?: { include_usage?: unknown } | null;
  };
  return options?.include_usage === true;
}

function parseObject(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  } catch { /* not JSON: the same complaint */ }
  throw notChunk();
}

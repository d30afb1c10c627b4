/** An HTTP client for Anthropic's API: sends requests, reads streams, errors and model lists. */

import type { HttpHeaders, HttpResponse } from "../../http/http_response.ts";
import type { World } from "../../world.ts";
import { type AdapterCall, type ListedModel, UpstreamFailure } from "../adapter.ts";
import { parseKeeping, toJsonText } from "../raw_json.ts";
import { EndWait } from "../sse/end_wait.ts";
import { beginsWithObject, disconnected, isEventStream, readEvents } from "../sse/event_stream.ts";
import { nextPage, readListing } from "../upstream/model_listing.ts";
import { type ReadError, readFailure, toFailure } from "../upstream/upstream_error.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { claudeError } from "./error.ts";
import { messageEvents, type WholeMessage } from "./message_events.ts";
import { claudeHeaders } from "./rate_limits.ts";
import type { ClaudeEvent } from "./wire.ts";

/** Newer versions reject fields that OpenAI's clients always send. */
export const CLAUDE_VERSION = "2023-06-01";

/** The API's largest page size, and a bound that no account's model list reaches. */
const LIST_PAGE_SIZE = 1000;
const MAX_LIST_PAGES = 5;

/** One event of a stream, as its JSON text. */
export interface EventJson {
  type: string;
  json: string;
}

export interface UpstreamRequest {
  path: string;
  body: string;
  stream: boolean;
  headers?: Record<string, string>;
  readError?: ReadError;
}

export class ClaudeUpstream {
  constructor(
    private readonly upstream: Upstream,
    private readonly world: Pick<World, "todayMs">,
  ) {}

  /** Posts a request and reports the response's headers. Throws an UpstreamFailure for an error status. */
  async post({ path, body, stream, headers, readError }: UpstreamRequest, call: AdapterCall) {
    const { signal } = call;
    const response = await this.upstream.post(path, body, { stream, signal }, headers);
    const nowMs = this.world.todayMs();
    const readHeaders = (all: HttpHeaders) => claudeHeaders(all, nowMs);
    if (!response.ok) {
      const read = readError ?? claudeError;
      throw await readFailure(response, signal, this.upstream, nowMs, read, readHeaders);
    }
    call.onHead?.(readHeaders(response.headers));
    return response;
  }

  /** Reads a whole answer. Throws an UpstreamFailure for one that is too large or breaks off. */
  readWhole(response: HttpResponse, signal: AbortSignal): Promise<string> {
    return this.upstream.answers.read(response, signal);
  }

  /**
   * A stream's events up to the last one, which is added where the provider has named the reason for
   * the end and then falls silent or closes. Throws an UpstreamFailure for an error event or a
   * truncated stream.
   */
  async *events(response: HttpResponse, signal: AbortSignal): AsyncIterable<EventJson> {
    const sniffed = isEventStream(response)
      ? { isObject: false, response }
      : await beginsWithObject(response, signal);
    if (sniffed.isObject) return yield* eventsIn(await this.readWhole(sniffed.response, signal));
    let id: string | null = null;
    let endWait: EndWait | null = null;
    for await (const { data } of readEvents(sniffed.response, signal, () => endWait)) {
      const type = typeOf(data);
      if (type === "error") throw this.#failure(data);
      if (type === "message_start") id = sameMessage(id, parseEvent(data).message?.id);
      if (type === "message_delta" && parseEvent(data).delta?.stop_reason) {
        endWait ??= new EndWait();
      }
      yield { type, json: data };
      if (type === "message_stop") return;
    }
    if (endWait === null) throw disconnected();
    yield { type: "message_stop", json: `{"type":"message_stop"}` };
  }

  /** The provider's description of a model; null if it has none. */
  describe(model: string, signal: AbortSignal): Promise<unknown> {
    return this.upstream.get(`models/${encodeURIComponent(model)}`, signal);
  }

  /** All pages of the model list. The list does not mention tools, which every Claude model supports. */
  async models(signal: AbortSignal): Promise<ListedModel[]> {
    const models: ListedModel[] = [];
    let after: string | null = null;
    for (let page = 0; page < MAX_LIST_PAGES && (page === 0 || after !== null); page++) {
      const query: Record<string, string> = { limit: String(LIST_PAGE_SIZE) };
      if (after !== null) query.after_id = after;
      const { text } = await this.upstream.read("models", signal, query);
      models.push(...readListing(text));
      after = nextPage(text);
    }
    return models.map(({ id, capabilities }) => ({
      id,
      capabilities: { tools: true, ...capabilities },
    }));
  }

  /** The failure in an `error` event, sent after status 200. */
  #failure(data: string): UpstreamFailure {
    const { code, error } = claudeError(200, parseEvent(data));
    return toFailure(code, error, this.upstream);
  }
}

/** Two messages in one stream must not be joined. Throws an UpstreamFailure for a second id. */
function sameMessage(first: string | null, id: string | undefined): string | null {
  if (first === null || id === undefined || id === first) return first ?? id ?? null;
  throw new UpstreamFailure(502, "The provider began a second message in the same stream");
}

/** Expands a whole message, sent although a stream was requested, into events. */
function eventsIn(text: string): EventJson[] {
  if (parseEvent(text).type !== "message") throw notEvent();
  const message = parseKeeping(text, [["content", "*", "input"]]) as WholeMessage;
  if (!Array.isArray(message.content)) throw notEvent();
  return messageEvents(message).map((event) => {
    const json = toJsonText(event);
    return { type: typeOf(json), json };
  });
}

/** Parses an event. Throws an UpstreamFailure for any other text. */
export function parseEvent(json: string): ClaudeEvent & Record<string, unknown> {
  try {
    const event = parseKeeping(json, [["content_block", "input"]]);
    if (typeof event === "object" && event !== null && "type" in event) {
      return event as ClaudeEvent & Record<string, unknown>;
    }
  } catch { /* not JSON: the same failure */ }
  throw notEvent();
}

function notEvent(): UpstreamFailure {
  return new UpstreamFailure(502, "The provider sent something that is not one of Claude's events");
}

/** The type is read from the data: some proxies drop the `event:` lines. */
function typeOf(json: string): string {
  return /^\{\s*"type"\s*:\s*"(\w+)"/.exec(json)?.[1] ?? parseEvent(json).type;
}

/** The adapter for OpenAI-compatible servers: relays calls, and repairs the faults of such servers' answers. */

import { Endpoint, endpointSpecs, everyEndpoint, withMember } from "../../protocol/mod.ts";
import type { World } from "../world.ts";
import {
  type Adapter,
  type AdapterCall,
  type ListedModel,
  type Piece,
  UpstreamFailure,
} from "./adapter.ts";
import { withAskedModel } from "./asked_model.ts";
import type { ProviderOptions } from "./provider_options.ts";
import { type AddressRule, baseUrlOf, pathBelowBase } from "./upstream/base_url.ts";
import { discard, readWhole, ResponseBody } from "./sse/event_stream.ts";
import { readListing } from "./upstream/model_listing.ts";
import { type ProviderQuirks, quirksOf } from "./messages/chat_request.ts";
import { messagesOverChat } from "./messages/over_chat.ts";
import { type OpenAiDialect, openAiDialects } from "./openai/chat_dialect.ts";
import { EventRelay } from "./openai/event_relay.ts";
import { type Json, parseObject } from "./json_object.ts";
import { openAiError } from "./openai/openai_error.ts";
import { StreamedAnswer } from "./openai/streamed_answer.ts";
import { LazyIterator } from "./sse/lazy_iterator.ts";
import { PassthroughScanner } from "./sse/passthrough_scanner.ts";
import { errorObject, readFailure, statusIn, toFailure } from "./upstream/upstream_error.ts";
import { relayedHeaders } from "./upstream/relayed_headers.ts";
import { Upstream } from "./upstream/upstream.ts";

/** Many servers have another base path (`/openai`, `/api/v1beta`), so only a bare host surely lacks the version. */
export const openAiAddress: AddressRule = {
  base: "https://api.openai.com/v1",
  lacksVersion: (path) => path === "",
};

export class OpenAiAdapter implements Adapter {
  /** Messages are translated to chat completions. */
  static readonly endpoints: readonly Endpoint[] = everyEndpoint.filter((path) =>
    endpointSpecs[path].api === "openai" || path === Endpoint.messages
  );
  readonly endpoints = OpenAiAdapter.endpoints;
  readonly usualEndpoints = this.endpoints.filter((path) => !endpointSpecs[path].isOptIn);
  readonly #upstream: Upstream;
  readonly #quirks: ProviderQuirks;

  constructor(
    provider: ProviderOptions,
    private readonly world: Pick<World, "fetch" | "todayMs">,
  ) {
    const baseUrl = baseUrlOf(provider, openAiAddress);
    this.#quirks = quirksOf(baseUrl.hostname);
    this.#upstream = new Upstream({
      baseUrl,
      apiKey: provider.api_key,
      headers: provider.api_key ? { authorization: `Bearer ${provider.api_key}` } : {},
      extraHeaders: provider.headers,
    }, world);
  }

  async models(signal: AbortSignal): Promise<ListedModel[]> {
    return readListing(await this.#upstream.read("models", signal));
  }

  answer(call: AdapterCall): AsyncIterable<Piece> {
    return call.endpoint === Endpoint.messages
      ? messagesOverChat(call, this, this.#quirks)
      : new LazyIterator(() => this.#open(call));
  }

  async #open(call: AdapterCall): Promise<AsyncIterator<Piece>> {
    const dialect = openAiDialects[call.endpoint];
    if (dialect === undefined) {
      throw new UpstreamFailure(404, `This provider has no ${call.endpoint}`);
    }
    const response = await this.#post(call);
    const isJson = /\bjson\b/i.test(response.headers.get("content-type") ?? "");
    const stream = call.stream ? dialect.stream : null;
    if (stream === null || isJson) return this.#whole(response, dialect, call);
    const scanner = new PassthroughScanner(call);
    const failureIn = (event: Json) => this.#failureIn(event);
    const relay = new EventRelay(stream.follow(), failureIn, call, scanner);
    return new StreamedAnswer(new ResponseBody(response, call.signal), relay);
  }

  async #post(call: AdapterCall): Promise<Response> {
    const body = withMember(call.bodyText, "model", JSON.stringify(call.model));
    const response = await this.#upstream.post(pathBelowBase(call.endpoint), body, call);
    if (!response.ok) {
      const nowMs = this.world.todayMs();
      throw await readFailure(response, call.signal, this.#upstream, nowMs, openAiError);
    }
    call.onHead?.(relayedHeaders(response.headers));
    return response;
  }

  async *#whole(
    response: Response,
    { stream, isFailure }: OpenAiDialect,
    call: AdapterCall,
  ): AsyncGenerator<string> {
    const isStream = (response.headers.get("content-type") ?? "").includes("text/event-stream");
    if (isStream) {
      discard(response);
      throw new UpstreamFailure(502, "The provider streams although no stream was requested");
    }
    const text = (await readWhole(response, call.signal)).trim();
    const answer = parseObject(text);
    if (isFailure(answer)) throw this.#failureIn(answer);
    const pieces = call.stream && stream !== null
      ? stream.expand(answer, wantsUsage(call.bodyText))
      : [text];
    for (const piece of pieces) yield withAskedModel(piece, JSON.parse(piece), call);
  }

  #failureIn(body: Json): UpstreamFailure {
    const error = errorObject(body, "The provider failed in the middle of its answer");
    return toFailure(statusIn(error) ?? 502, error, this.#upstream);
  }
}

/** Whether the request asks for the usage chunk. */
function wantsUsage(bodyText: string): boolean {
  const { stream_options: options } = JSON.parse(bodyText) as {
    stream_options?: { include_usage?: unknown } | null;
  };
  return options?.include_usage === true;
}

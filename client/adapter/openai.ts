/** Passes calls through to any OpenAI-compatible server, and mends what such servers get wrong. */

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
import { mannersOf, type ProviderQuirks } from "./messages/chat_request.ts";
import { messagesOverChat } from "./messages/over_chat.ts";
import { type OpenAiDialect, openAiDialects } from "./openai/chat_dialect.ts";
import { EventRelay } from "./openai/event_relay.ts";
import { type Json, parseObject } from "./openai/json_object.ts";
import { openAiError } from "./openai/openai_error.ts";
import { StreamedAnswer } from "./openai/streamed_answer.ts";
import { OpenedLater } from "./sse/opened_later.ts";
import { PlainRuns } from "./sse/plain_runs.ts";
import { errorObject, readRefusal, statusIn, toFailure } from "./upstream/upstream_error.ts";
import { relayedHeaders } from "./upstream/relayed_headers.ts";
import { Upstream } from "./upstream/upstream.ts";

/** Many servers have the API elsewhere (`/openai`, `/api/v1beta`), so only a bare host lacks the version for sure. */
export const openAiAddress: AddressRule = {
  base: "https://api.openai.com/v1",
  lacksVersion: (path) => path === "",
};

export class OpenAiAdapter implements Adapter {
  /** Messages are translated to chats. */
  static readonly endpoints: readonly Endpoint[] = everyEndpoint.filter((path) =>
    endpointSpecs[path].api === "openai" || path === Endpoint.messages
  );
  readonly endpoints = OpenAiAdapter.endpoints;
  readonly usualEndpoints = this.endpoints.filter((path) => !endpointSpecs[path].isOptIn);
  readonly #upstream: Upstream;
  readonly #manners: ProviderQuirks;

  constructor(
    provider: ProviderOptions,
    private readonly world: Pick<World, "fetch" | "todayMs">,
  ) {
    const baseUrl = baseUrlOf(provider, openAiAddress);
    this.#manners = mannersOf(baseUrl.hostname);
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
      ? messagesOverChat(call, this, this.#manners)
      : new OpenedLater(() => this.#open(call));
  }

  async #open(call: AdapterCall): Promise<AsyncIterator<Piece>> {
    const dialect = openAiDialects[call.endpoint];
    if (dialect === undefined) {
      throw new UpstreamFailure(404, `This provider has no ${call.endpoint}`);
    }
    const response = await this.#ask(call);
    const isJson = /\bjson\b/i.test(response.headers.get("content-type") ?? "");
    const stream = call.stream ? dialect.stream : null;
    if (stream === null || isJson) return this.#whole(response, dialect, call);
    const plain = new PlainRuns(call);
    const failureIn = (said: Json) => this.#failureIn(said);
    const relay = new EventRelay(stream.follow(), failureIn, call, plain);
    return new StreamedAnswer(new ResponseBody(response, call.signal), relay);
  }

  async #ask(call: AdapterCall): Promise<Response> {
    const body = withMember(call.bodyText, "model", JSON.stringify(call.model));
    const response = await this.#upstream.post(pathBelowBase(call.endpoint), body, call);
    if (!response.ok) {
      const nowMs = this.world.todayMs();
      throw await readRefusal(response, call.signal, this.#upstream, nowMs, openAiError);
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
      throw new UpstreamFailure(502, "The provider streams although it was not asked to");
    }
    const text = (await readWhole(response, call.signal)).trim();
    const answer = parseObject(text);
    if (isFailure(answer)) throw this.#failureIn(answer);
    const isTold = call.stream && stream !== null;
    const pieces = isTold ? stream.tell(answer, wantsUsage(call.bodyText)) : [text];
    for (const piece of pieces) yield withAskedModel(piece, JSON.parse(piece), call);
  }

  #failureIn(said: Json): UpstreamFailure {
    const error = errorObject(said, "The provider failed in the middle of its answer");
    return toFailure(statusIn(error) ?? 502, error, this.#upstream);
  }
}

/** Whether the caller asked for the usage chunk. */
function wantsUsage(bodyText: string): boolean {
  const { stream_options: options } = JSON.parse(bodyText) as {
    stream_options?: { include_usage?: unknown } | null;
  };
  return options?.include_usage === true;
}

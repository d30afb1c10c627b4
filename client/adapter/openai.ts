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
import {
  beginsWithObject,
  isEventStream,
  isEventText,
  readWhole,
  ResponseBody,
} from "./sse/event_stream.ts";
import { readListing } from "./upstream/model_listing.ts";
import { type ProviderQuirks, quirksOf } from "./messages/chat_request.ts";
import { messagesOverChat } from "./messages/over_chat.ts";
import { type DialectStream, type OpenAiDialect, openAiDialects } from "./openai/chat_dialect.ts";
import { EventRelay, type Scanner } from "./openai/event_relay.ts";
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
    if (!call.stream || dialect.stream === null) return this.#whole(response, dialect, call);
    if (isEventStream(response)) return this.#events(response, dialect.stream, call);
    const sniffed = await beginsWithObject(response, call.signal);
    return sniffed.isObject
      ? this.#expanded(sniffed.response, dialect, call)
      : this.#events(sniffed.response, dialect.stream, call);
  }

  #events(response: Response, stream: DialectStream, call: AdapterCall): AsyncIterator<Piece> {
    const relay = this.#relay(stream, call, new PassthroughScanner(call));
    return new StreamedAnswer(new ResponseBody(response, call.signal), relay);
  }

  #relay(stream: DialectStream, call: AdapterCall, scanner: Scanner): EventRelay {
    const failureIn = (event: Json) => this.#failureIn(event);
    return new EventRelay(stream.follow(), failureIn, call, scanner);
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
    dialect: OpenAiDialect,
    call: AdapterCall,
  ): AsyncGenerator<string> {
    const { stream } = dialect;
    const text = (await readWhole(response, call.signal)).trim();
    const isStream = stream !== null && isEventText(text);
    const whole = isStream ? this.#gathered(text, stream, call) : text;
    const answer = this.#answerIn(whole, dialect);
    const repaired = dialect.repair?.(whole, answer) ?? whole;
    yield withAskedModel(repaired, answer, call);
  }

  /** Expands a whole answer into the requested stream. */
  async *#expanded(
    response: Response,
    dialect: OpenAiDialect,
    call: AdapterCall,
  ): AsyncGenerator<string> {
    const text = (await readWhole(response, call.signal)).trim();
    const answer = this.#answerIn(text, dialect);
    const repaired = parseObject(dialect.repair?.(text, answer) ?? text);
    for (const event of dialect.stream!.expand(repaired, wantsUsage(call.bodyText))) {
      yield withAskedModel(event, JSON.parse(event), call);
    }
  }

  #answerIn(text: string, { isFailure }: OpenAiDialect): Json {
    const answer = parseObject(text);
    if (isFailure(answer)) throw this.#failureIn(answer);
    return answer;
  }

  /** The whole answer in a stream's text, for upstreams that stream although none was requested. */
  #gathered(text: string, stream: DialectStream, call: AdapterCall): string {
    const relay = this.#relay(stream, call, everyEvent);
    const events: Json[] = [];
    const take = () => {
      for (let piece = relay.next(); piece !== null; piece = relay.next()) {
        events.push(parseObject(piece as string));
      }
    };
    relay.feed(new TextEncoder().encode(text));
    take();
    relay.feedEnd();
    take();
    relay.end();
    return JSON.stringify(stream.gather(events));
  }

  #failureIn(body: Json): UpstreamFailure {
    const error = errorObject(body, "The provider failed in the middle of its answer");
    return toFailure(statusIn(error) ?? 502, error, this.#upstream);
  }
}

/** Parses every event. */
const everyEvent: Scanner = { take: () => null, learn: () => {}, end: 0 };

/** Whether the request asks for the usage chunk. */
function wantsUsage(bodyText: string): boolean {
  const { stream_options: options } = JSON.parse(bodyText) as {
    stream_options?: { include_usage?: unknown } | null;
  };
  return options?.include_usage === true;
}

/** Relays calls to an OpenAI-compatible server in the caller's own dialect, and repairs what such servers get wrong. */

import type { HttpResponse } from "../../http/http_response.ts";
import { withMember } from "../../../protocol/mod.ts";
import type { World } from "../../world.ts";
import { type AdapterCall, type Piece, UpstreamFailure } from "../adapter.ts";
import { withAskedModel } from "../asked_model.ts";
import { type Json, parseObject } from "../json_object.ts";
import {
  beginsWithObject,
  beginWhole,
  isEventStream,
  isEventText,
  ResponseBody,
} from "../sse/event_stream.ts";
import { PassthroughScanner } from "../sse/passthrough_scanner.ts";
import { pathBelowBase } from "../upstream/base_url.ts";
import { relayedHeaders } from "../upstream/relayed_headers.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { readFailure, toFailure } from "../upstream/upstream_error.ts";
import { answerParts } from "./answer_parts.ts";
import { type DialectStream, type OpenAiDialect, openAiDialects } from "./chat_dialect.ts";
import { EventRelay, type Scanner } from "./event_relay.ts";
import { errorAfter200, openAiError } from "./openai_error.ts";
import { StreamedAnswer } from "./streamed_answer.ts";

/** A longer answer of an endpoint that does not stream is passed on as it arrives. */
const MAX_HELD_BYTES = 1024 * 1024;

export class OpenAiRelay {
  constructor(
    private readonly upstream: Upstream,
    private readonly world: Pick<World, "todayMs">,
  ) {}

  /** Sends the call and opens its answer. Throws an UpstreamFailure for an error status. */
  async open(call: AdapterCall): Promise<AsyncIterator<Piece>> {
    const dialect = openAiDialects[call.endpoint];
    if (dialect === undefined) {
      throw new UpstreamFailure(404, `This provider has no ${call.endpoint}`);
    }
    const response = await this.#post(call);
    if (dialect.stream === null) return await this.#unstreamed(response, dialect, call);
    if (!call.stream) return iterate(await this.#whole(response, dialect, call));
    if (isEventStream(response)) return this.#events(response, dialect.stream, call);
    const sniffed = await beginsWithObject(response, call.signal);
    return sniffed.isObject
      ? iterate(await this.#expanded(sniffed.response, dialect, call))
      : this.#events(sniffed.response, dialect.stream, call);
  }

  #events(response: HttpResponse, stream: DialectStream, call: AdapterCall): AsyncIterator<Piece> {
    const relay = this.#relay(stream, call, new PassthroughScanner(call));
    return new StreamedAnswer(new ResponseBody(response, call.signal), relay);
  }

  #relay(stream: DialectStream, call: AdapterCall, scanner: Scanner): EventRelay {
    const failureIn = (event: Json) => this.#failureIn(event);
    return new EventRelay(stream.follow(), failureIn, call, scanner);
  }

  async #post(call: AdapterCall): Promise<HttpResponse> {
    const body = withMember(call.bodyText, "model", JSON.stringify(call.model));
    const response = await this.upstream.post(pathBelowBase(call.endpoint), body, call);
    if (!response.ok) {
      const nowMs = this.world.todayMs();
      throw await readFailure(response, call.signal, this.upstream, nowMs, openAiError);
    }
    call.onHead?.(relayedHeaders(response.headers));
    return response;
  }

  /** Answers of endpoints that do not stream may be large; those are passed on as they arrive. */
  async #unstreamed(
    response: HttpResponse,
    dialect: OpenAiDialect,
    call: AdapterCall,
  ): Promise<AsyncIterator<Piece>> {
    const { text, read, body } = await beginWhole(response, call.signal, MAX_HELD_BYTES);
    if (body !== null) return answerParts(read, body, call, (error) => this.#failureIn(error));
    const whole = text!.trim();
    return iterate([withAskedModel(whole, this.#answerIn(whole, dialect), call)]);
  }

  async #whole(
    response: HttpResponse,
    dialect: OpenAiDialect,
    call: AdapterCall,
  ): Promise<string[]> {
    const { stream } = dialect;
    const text = (await this.upstream.answers.read(response, call.signal)).trim();
    const isStream = stream !== null && isEventText(text);
    const whole = isStream ? this.#gathered(text, stream, call) : text;
    const answer = this.#answerIn(whole, dialect);
    const repaired = dialect.repair?.(whole, answer) ?? whole;
    return [withAskedModel(repaired, answer, call)];
  }

  /** Expands a whole answer into the requested stream. */
  async #expanded(
    response: HttpResponse,
    dialect: OpenAiDialect,
    call: AdapterCall,
  ): Promise<string[]> {
    const text = (await this.upstream.answers.read(response, call.signal)).trim();
    const answer = this.#answerIn(text, dialect);
    const repaired = parseObject(dialect.repair?.(text, answer) ?? text);
    const events = dialect.stream!.expand(repaired, wantsUsage(call.bodyText));
    return events.map((event) => withAskedModel(event, JSON.parse(event), call));
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
    const { code, error } = errorAfter200(body);
    return toFailure(code, error, this.upstream);
  }
}

async function* iterate(texts: readonly string[]): AsyncGenerator<string> {
  for await (const text of texts) yield text;
}

/** Parses every event. */
const everyEvent: Scanner = { take: () => null, learn: () => {}, forget: () => {}, end: 0 };

/** Whether the request asks for the usage chunk. */
function wantsUsage(bodyText: string): boolean {
  const { stream_options: options } = JSON.parse(bodyText) as {
    stream_options?: { include_usage?: unknown } | null;
  };
  return options?.include_usage === true;
}

/** Turns what the relay writes for one call into an HTTP response. */

import { endpointSpecs } from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import type { ColinkError } from "../base/error.ts";
import type { AnswerSource, AnswerWriter } from "../call/answer_writer.ts";
import type { UpstreamRejection } from "../call/classify_failure.ts";
import type { Node } from "../node/node.ts";
import type { Call } from "../schedule/call.ts";
import type { EndpointRow } from "./endpoints.ts";
import type { AnswerHeaders } from "./env.ts";
import {
  errorBody,
  errorResponse,
  type Recipient,
  rejectionBody,
  rejectionResponse,
} from "./reply.ts";
import {
  byteLength,
  SseBody,
  type SseConnection,
  type SseLimits,
  type SseListener,
} from "./sse.ts";

const WHOLE_HEADERS: Readonly<AnswerHeaders> = { "content-type": "application/json" };

const STREAM_HEADERS: Readonly<AnswerHeaders> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // Tells proxies not to buffer events.
  "x-accel-buffering": "no",
};

const NOTHING = (): void => {};

const DONE = "data: [DONE]\n\n";

/**
 * The status stays open until the answer begins or the call has failed. Only the stream of a node
 * that thinks for long, or of a call that asks for its queue position, is answered earlier, with
 * status 200 and comments; a later failure becomes an error event in the stream.
 */
export class HttpAnswer implements AnswerWriter, SseListener {
  /** Resolves once, when status and headers are decided. */
  readonly response: Promise<Response>;
  #resolve!: (response: Response) => void;
  #body: SseBody | null = null;
  #wholeBytes = 0;
  #hasBegun = false;
  #failure: ColinkError | null = null;
  /** Headers from the node that answers. */
  #nodeHeaders: AnswerHeaders = {};
  #source: AnswerSource | null = null;
  #cancelEarly = NOTHING;

  constructor(
    private readonly call: Call,
    private readonly endpoint: EndpointRow,
    private readonly clock: Clock,
    private readonly limits: SseLimits,
    /** Set on every answer: request id, rate limits. */
    private readonly headers: Readonly<AnswerHeaders>,
    private readonly connection: SseConnection,
    /** Called before the first piece of a stream: no other node can take the call over from then on. */
    private readonly onBegin: () => void = NOTHING,
  ) {
    this.response = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (call.request.stream) {
      this.#cancelEarly = clock.after(limits.keepAliveMs, () => this.#open().comment());
    }
  }

  get deliveredBytes(): number {
    return this.#body?.deliveredBytes ?? this.#wholeBytes;
  }

  get deliveredChunks(): number {
    return this.#body?.deliveredChunks ?? (this.#wholeBytes > 0 ? 1 : 0);
  }

  /** Whether the caller has the beginning of an answer; comments do not count. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The error that ended the call; null: none has. */
  get failure(): ColinkError | null {
    return this.#failure;
  }

  head(node: Node, headers: Readonly<Record<string, string>>): void {
    this.#nodeHeaders = { ...headers, "x-colink-node": node.who.publicId };
  }

  discardHead(): void {
    this.#nodeHeaders = {};
  }

  /** Commits status 200. */
  queued(position: number): void {
    this.#open().writeExtra(`: queued ${position}\n\n`);
  }

  data(events: string | Uint8Array, source: AnswerSource): boolean {
    if (!this.#hasBegun) this.onBegin();
    this.#hasBegun = true;
    this.#source = source;
    const body = this.#open();
    body.write(events);
    return !body.isStalled;
  }

  whole(body: string | Uint8Array): void {
    this.connection.ending();
    this.#wholeBytes = byteLength(body);
    const headers = this.#answerHeaders(WHOLE_HEADERS);
    this.#resolve(new Response(body as string | Uint8Array<ArrayBuffer>, { headers }));
  }

  end(): void {
    this.#open().end(endpointSpecs[this.endpoint.path].stream?.endsWithDone ? DONE : "");
  }

  reject(rejection: UpstreamRejection): void {
    if (this.#body) return this.#breakOff(rejectionBody(rejection, this.#recipient()));
    this.#respond(rejectionResponse(rejection, this.#recipient()));
  }

  fail(error: ColinkError): void {
    this.#failure = error;
    if (this.#body) return this.#breakOff(errorBody(error, this.#recipient()));
    this.#respond(errorResponse(error, this.#recipient()));
  }

  // What the stream's body reports of its reader. Methods, because closures would cost each open stream memory.

  tooSlow(): void {
    this.call.stop("caller_too_slow");
  }

  gone(): void {
    this.call.stop("caller_gone");
  }

  drained(): void {
    this.#source?.drained();
  }

  /** Commits status 200 and the headers of a stream. */
  #open(): SseBody {
    if (this.#body) return this.#body;
    this.#cancelEarly();
    this.#cancelEarly = NOTHING;
    const { numbersEvents } = this.endpoint.errorFormat;
    this.#body = new SseBody(this.clock, this.limits, this, this.connection, numbersEvents);
    const headers = this.#answerHeaders(STREAM_HEADERS);
    this.#resolve(new Response(this.#body.stream, { headers }));
    return this.#body;
  }

  /** Answers a call whose status is still open. */
  #respond(response: Response): void {
    this.#cancelEarly();
    this.connection.ending();
    this.#resolve(response);
  }

  /** Ends the stream with an error event and no other mark, so that no SDK takes it for a complete answer. */
  #breakOff(errorJson: string): void {
    const body = this.#open();
    body.breakOff(this.endpoint.errorFormat.event(errorJson, body.last));
  }

  #recipient(): Recipient {
    const { errorFormat: format } = this.endpoint;
    return { format, requestId: this.call.id, headers: this.headers };
  }

  #answerHeaders(more: Readonly<AnswerHeaders>): AnswerHeaders {
    const elapsedMs = Math.round(this.clock.monotonic() - this.call.startedMs);
    // The gateway's own headers win: a provider's limits concern its node, not the caller's key.
    const all = Object.assign(this.#nodeHeaders, this.headers, more);
    all["openai-processing-ms"] = String(elapsedMs);
    // Frees what a long stream does not need.
    this.#nodeHeaders = {};
    return all;
  }
}

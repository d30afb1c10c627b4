/** One call's way back to its caller: turns what the relay hands over into an HTTP response. */

import { endpointSpecs } from "../../protocol/mod.ts";
import type { UpstreamRejection } from "../call/classify_failure.ts";
import type { Call } from "../schedule/call.ts";
import type { Outlet } from "../call/relay.ts";
import type { Clock } from "../base/clock.ts";
import type { ColinkError } from "../base/error.ts";
import type { Node } from "../node/node.ts";
import type { EndpointRow } from "./endpoints.ts";
import type { AnswerHeaders } from "./env.ts";
import { errorBody, errorResponse, type Recipient, refusalBody, refusalResponse } from "./reply.ts";
import { byteLength, SseBody, type SseLimits, type SseReader } from "./sse.ts";

const WHOLE_HEADERS: Readonly<AnswerHeaders> = { "content-type": "application/json" };

const STREAM_HEADERS: Readonly<AnswerHeaders> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // Proxies in front must not gather events.
  "x-accel-buffering": "no",
};

const NOTHING = (): void => {};

const DONE = "data: [DONE]\n\n";

/** The connection that an answer goes to. */
export interface Caller {
  /** Called before the answer's last bytes are handed over; for a stream, not while earlier ones wait. */
  ending(): void;
  /** See SseReader. */
  progress(): Promise<string | null>;
}

/**
 * The status stays open until it is known: until an answer begins or the call has failed. Only a
 * stream whose node thinks for long is answered early, with 200 and comments; from then on errors
 * travel inside the stream.
 */
export class HttpAnswer implements Outlet, SseReader {
  /** Resolves once, when status and headers are decided. */
  readonly response: Promise<Response>;
  #resolve!: (response: Response) => void;
  #body: SseBody | null = null;
  #wholeBytes = 0;
  #hasBegun = false;
  /** Of the node that answers. */
  #nodeHeaders: AnswerHeaders = {};
  #cancelEarly = NOTHING;
  onDrained = NOTHING;

  constructor(
    private readonly call: Call,
    private readonly endpoint: EndpointRow,
    private readonly clock: Clock,
    private readonly limits: SseLimits,
    /** Goes on every answer: request id, rate limits. */
    private readonly headers: Readonly<AnswerHeaders>,
    private readonly caller: Caller,
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

  get isStalled(): boolean {
    return this.#body?.isStalled ?? false;
  }

  answeredBy(node: Node, headers: Readonly<Record<string, string>>): void {
    this.#nodeHeaders = { ...headers, "x-colink-node": node.who.publicId };
  }

  notAnswered(): void {
    this.#nodeHeaders = {};
  }

  whole(body: string | Uint8Array): void {
    this.caller.ending();
    this.#wholeBytes = byteLength(body);
    const headers = this.#answerHeaders(WHOLE_HEADERS);
    this.#resolve(new Response(body as string | Uint8Array<ArrayBuffer>, { headers }));
  }

  /** The status is given away for it: a call that fails in the line fails inside its stream. */
  queued(position: number): void {
    this.#open().remark(`: queued ${position}\n\n`);
  }

  refuse(refusal: UpstreamRejection): void {
    if (this.#body) return this.#endWith(refusalBody(refusal, this.#recipient()));
    this.#endBefore(refusalResponse(refusal, this.#recipient()));
  }

  begin(): void {
    this.#hasBegun = true;
    this.#open();
  }

  /** Whether the caller has the beginning of an answer; comments are none. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  write(events: string | Uint8Array): void {
    this.#body?.write(events);
  }

  end(): void {
    this.#open().end(endpointSpecs[this.endpoint.path].stream?.endsWithDone ? DONE : "");
  }

  /** Inside a stream: an error event and no other end, so that no SDK takes the stump for an answer. */
  fail(error: ColinkError): void {
    if (this.#body) return this.#endWith(errorBody(error, this.#recipient()));
    this.#endBefore(errorResponse(error, this.#recipient()));
  }

  /** What the stream's body reports of its reader, as SseReader has it: a thousand readers have no closures of their own. */
  tooSlow(): void {
    this.call.stop("caller_too_slow");
  }

  gone(): void {
    this.call.stop("caller_gone");
  }

  drained(): void {
    this.onDrained();
  }

  ending(): void {
    this.caller.ending();
  }

  progress(): Promise<string | null> {
    return this.caller.progress();
  }

  #open(): SseBody {
    if (this.#body) return this.#body;
    this.#cancelEarly();
    this.#cancelEarly = NOTHING;
    const { numbersEvents } = this.endpoint.errorFormat;
    this.#body = new SseBody(this.clock, this.limits, this, numbersEvents);
    const headers = this.#answerHeaders(STREAM_HEADERS);
    this.#resolve(new Response(this.#body.stream, { headers }));
    return this.#body;
  }

  /** Nothing was sent yet: all of the answer is this. */
  #endBefore(response: Response): void {
    this.#cancelEarly();
    this.caller.ending();
    this.#resolve(response);
  }

  #endWith(errorJson: string): void {
    const body = this.#open();
    body.breakOff(this.endpoint.errorFormat.event(errorJson, body.last));
  }

  #recipient(): Recipient {
    const { errorFormat: format } = this.endpoint;
    return { format, requestId: this.call.id, headers: this.headers };
  }

  #answerHeaders(more: Readonly<AnswerHeaders>): AnswerHeaders {
    const elapsedMs = Math.round(this.clock.monotonic() - this.call.startedMs);
    // A provider's limits are its node's affair; the caller goes by those of its own key.
    const all = Object.assign(this.#nodeHeaders, this.headers, more);
    all["openai-processing-ms"] = String(elapsedMs);
    // They are on their way: a stream that runs for long need not keep them.
    this.#nodeHeaders = {};
    return all;
  }
}

/** Turns what the relay writes for one call into an HTTP response. */

import { endpointSpecs } from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import type { ColinkError } from "../base/error.ts";
import type { AnswerWriter } from "../call/answer_writer.ts";
import type { UpstreamRejection } from "../call/classify_failure.ts";
import type { AnsweringNode, AnswerSource } from "../node/kept_answer.ts";
import type { AnswerRoom, Call } from "../schedule/call.ts";
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
  type BodyConnection,
  type BodyLimits,
  type BodyListener,
  byteLength,
} from "./answer_body.ts";
import { SseBody } from "./sse.ts";
import { WholeBody } from "./whole_body.ts";

export interface AnswerLimits extends BodyLimits {
  /** After so long a wait for a whole answer, it begins with white space. */
  wholeKeepAliveMs: number;
  /** The gateway's address, for links to its manual; null: unknown. */
  publicUrl: string | null;
}

/** The call, as far as one of its callers sees it. */
export type AnsweredCall =
  & Pick<Call, "id" | "startedMs">
  & {
    request: Pick<Call["request"], "stream">;
    stop(code: "caller_gone" | "caller_too_slow"): void;
  };

/** What a call holds of the gateway's memory. */
export interface CallMemory {
  /** Called before the caller gets the first piece of an answer: no other node can take the call over from then on. */
  begins(): void;
  /** Counts so many bytes more of a whole answer, or fewer. Those for which a budget has no room are not counted. */
  hold(bytes: number): AnswerRoom;
}

const NO_MEMORY: CallMemory = { begins: () => {}, hold: () => "enough" };

const WHOLE_HEADERS: Readonly<AnswerHeaders> = { "content-type": "application/json" };

/** Of an answer that goes to the caller before it is complete. Tells proxies not to buffer it. */
const PIECES_HEADERS: Readonly<AnswerHeaders> = { ...WHOLE_HEADERS, "x-accel-buffering": "no" };

/** A larger whole answer is written as its caller takes it. */
const MAX_AT_ONCE_BYTES = 64 * 1024;

const STREAM_HEADERS: Readonly<AnswerHeaders> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // Tells proxies not to buffer events.
  "x-accel-buffering": "no",
};

const NO_HEADERS: Readonly<AnswerHeaders> = Object.freeze({});
const NOTHING = (): void => {};

const DONE = "data: [DONE]\n\n";

/**
 * The status stays open until the answer begins or the call has failed. Only the stream of a node
 * that thinks for long, or of a call that asks for its queue position, is answered earlier, with
 * status 200 and comments; a later failure becomes an error event in the stream. A whole answer that
 * takes long begins with white space, for proxies that give up silent connections; a later failure
 * cuts the connection.
 */
export class HttpAnswer implements AnswerWriter, BodyListener {
  /** Resolves once, when status and headers are decided. */
  readonly response: Promise<Response>;
  #resolve!: (response: Response) => void;
  #body: SseBody | WholeBody | null = null;
  /** Of an answer that was given at once. */
  #wholeBytes = 0;
  /** Of a whole answer: handed over and not taken by the caller yet. */
  #untakenBytes = 0;
  #hasBegun = false;
  #isOutgrown = false;
  #failure: ColinkError | null = null;
  /** Headers from the node that answers, and its public id. */
  #nodeHeaders: Readonly<AnswerHeaders> = NO_HEADERS;
  #nodeId: string | null = null;
  #source: AnswerSource | null = null;
  #cancelEarly = NOTHING;

  constructor(
    private readonly call: AnsweredCall,
    private readonly endpoint: EndpointRow,
    private readonly clock: Clock,
    private readonly limits: AnswerLimits,
    /** Set on every answer: request id, rate limits. */
    private readonly headers: Readonly<AnswerHeaders>,
    private readonly connection: BodyConnection,
    private readonly memory: CallMemory = NO_MEMORY,
  ) {
    this.response = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#cancelEarly = call.request.stream
      ? clock.after(limits.keepAliveMs, () => this.#events().comment())
      : clock.after(limits.wholeKeepAliveMs, () => this.#pieces().keepAlive());
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

  head(node: AnsweringNode, headers: Readonly<Record<string, string>>): void {
    this.#nodeHeaders = headers;
    this.#nodeId = node.who.publicId;
  }

  discardHead(): void {
    this.#nodeHeaders = NO_HEADERS;
    this.#nodeId = null;
  }

  /** Commits status 200. */
  queued(position: number): void {
    this.#events().writeExtra(`: queued ${position}\n\n`);
  }

  data(piece: string | Uint8Array, source: AnswerSource): boolean {
    if (!this.#hasBegun) this.memory.begins();
    this.#hasBegun = true;
    this.#source = source;
    if (!this.call.request.stream) return this.#piece(piece);
    const body = this.#events();
    body.write(piece);
    return !body.isStalled;
  }

  hold(bytes: number): AnswerRoom {
    return bytes === 0 ? "enough" : this.memory.hold(bytes);
  }

  whole(body: string | Uint8Array): void {
    if (this.#body !== null || body.length > MAX_AT_ONCE_BYTES) {
      this.#piece(body);
      return this.end();
    }
    this.memory.hold(-body.length);
    this.#cancelEarly();
    this.connection.ending();
    this.#wholeBytes = byteLength(body);
    const headers = this.#answerHeaders(WHOLE_HEADERS);
    this.#resolve(new Response(body as string | Uint8Array<ArrayBuffer>, { headers }));
  }

  end(isMarked = false): void {
    if (!this.call.request.stream) return this.#pieces().end();
    const needsMark = !isMarked && endpointSpecs[this.endpoint.path].stream?.endsWithDone;
    this.#events().end(needsMark ? DONE : "");
  }

  /** Says that a caller who loses this answer cannot continue it: in a header, or in a comment once the header is sent. */
  outgrown(): void {
    if (this.#body === null) this.#isOutgrown = true;
    else if (this.#body instanceof SseBody) this.#body.note("x-colink-resumable: no");
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

  /** Called by the signal of its request. */
  handleEvent(): void {
    this.gone();
  }

  drained(): void {
    this.#taken();
    this.#source?.drained();
  }

  closed(): void {
    this.#taken();
  }

  /** Commits status 200 and the headers of a stream. */
  #events(): SseBody {
    if (this.#body instanceof SseBody) return this.#body;
    const { numbersEvents } = this.endpoint.errorFormat;
    const body = new SseBody(this.clock, this.limits, this, this.connection, numbersEvents);
    return this.#open(body, STREAM_HEADERS);
  }

  /** Commits status 200 and the headers of a whole answer. */
  #pieces(): WholeBody {
    if (this.#body instanceof WholeBody) return this.#body;
    const body = new WholeBody(this.clock, this.limits, this, this.connection);
    return this.#open(body, PIECES_HEADERS);
  }

  #open<Body extends SseBody | WholeBody>(body: Body, headers: Readonly<AnswerHeaders>): Body {
    this.#cancelEarly();
    this.#cancelEarly = NOTHING;
    this.#body = body;
    this.#resolve(new Response(body.stream, { headers: this.#answerHeaders(headers) }));
    return body;
  }

  /** Writes a piece of a whole answer, which counts until it is taken. */
  #piece(piece: string | Uint8Array): boolean {
    const body = this.#pieces();
    this.#untakenBytes += piece.length;
    body.write(piece);
    const isTaken = body.isEnded || !body.isStalled;
    if (isTaken) this.#taken();
    return isTaken;
  }

  /** The caller has taken all pieces so far, or will take no more. */
  #taken(): void {
    if (this.#untakenBytes === 0) return;
    this.memory.hold(-this.#untakenBytes);
    this.#untakenBytes = 0;
  }

  /** Answers a call whose status is still open. */
  #respond(response: Response): void {
    this.#cancelEarly();
    this.connection.ending();
    this.#resolve(response);
  }

  /** Ends a stream with an error event and no other mark, and cuts a whole answer off, so that no SDK takes it for a complete answer. */
  #breakOff(errorJson: string): void {
    if (!this.call.request.stream) return this.#pieces().breakOff(errorJson);
    const body = this.#events();
    body.breakOff(this.endpoint.errorFormat.event(errorJson, body.last));
  }

  #recipient(): Recipient {
    const { errorFormat: format } = this.endpoint;
    const { publicUrl } = this.limits;
    return { format, requestId: this.call.id, publicUrl, headers: this.headers };
  }

  #answerHeaders(more: Readonly<AnswerHeaders>): AnswerHeaders {
    const elapsedMs = Math.round(this.clock.monotonic() - this.call.startedMs);
    // The gateway's own headers win: a provider's limits concern its node, not the caller's key.
    const all: AnswerHeaders = Object.assign({}, this.#nodeHeaders, this.headers, more);
    if (this.#nodeId !== null) all["x-colink-node"] = this.#nodeId;
    all["openai-processing-ms"] = String(elapsedMs);
    if (this.#isOutgrown) all["x-colink-resumable"] = "no";
    // Frees what a long stream does not need.
    this.discardHead();
    return all;
  }
}

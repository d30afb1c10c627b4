/** A node's link in wire v2: binary frames, status first, credits, acknowledged cancel. */

import { createHash, timingSafeEqual } from "node:crypto";
import {
  BUSY,
  type CallHead,
  CloseCode,
  decodeV2,
  encodeCallStart,
  encodeCancel,
  encodeCredit,
  encodeEnded,
  encodeJson,
  encodeResume,
  errorIn,
  type Failure,
  type Finish,
  type FrameV2,
  type Head,
  MAX_FRAME_BYTES,
  MAX_KEPT_PER_LINK,
  MAX_KEPT_PER_STREAM,
  MAX_SMALL_PIECES,
  MIN_PIECE_BYTES,
  type RegisterV2,
  RELAYED_HEADERS,
  type ResumeRequest,
  type Span,
  WINDOW_BYTES,
} from "../../protocol/mod.ts";
import {
  type AttemptFailure,
  type AttemptSink,
  errorInAnswer,
  type Order,
  type RunningAttempt,
  type Tally,
} from "./attempt.ts";
import { Link, type ResumeTicket, type Socket } from "./link.ts";
import { offerOf } from "./node.ts";
import { Outbox, sharedRoom } from "./outbox.ts";
import { RejectionBody } from "./rejection_body.ts";

/** The terms of a link, which WELCOME states. */
export interface WelcomeTerms {
  pingMs: number;
  silenceMs: number;
  /** Bytes that are held for a caller who reads slowly: the largest window of a stream. */
  maxBufferedBytes: number;
  /** The largest frame that this gateway takes. */
  maxFrameBytes: number;
  /** For how long a session outlasts its link; 0: it does not. */
  resumeMs: number;
}

/** Header values that are passed on: one short line of visible characters. */
const HEADER_VALUE = /^[\x20-\x7e]{1,200}$/;

/** Stands for every 2xx head once its headers were passed on. */
const SUCCESS: Head = { status: 200, headers: {} };

/** With more than this of bodies unsent, in bytes, a node gets no further calls. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** The ends of so many streams are acknowledged together, or sooner for so many bytes that the node keeps of them. */
const MAX_UNACKNOWLEDGED_ENDS = 16;
const MAX_UNACKNOWLEDGED_BYTES = 128 * 1024;

/** Stands for the socket while the link is lost. What was sent meanwhile is made up for when the node comes back. */
const NO_SOCKET: Socket = Object.freeze({
  send: () => 1,
  ping: () => {},
  close: () => {},
  terminate: () => {},
  getBufferedAmount: () => 0,
});

/** How the attempt of a stream steers it. */
interface StreamOwner {
  grant(stream: OpenStream, bytes: number): void;
  cancel(stream: OpenStream): void;
  forget(stream: OpenStream): void;
}

class OpenStream implements RunningAttempt {
  /** Until HEAD, which shows that the node has it. */
  order: Order | null;
  /** STREAM bytes that have arrived, and those that CREDIT has granted. */
  receivedBytes = 0;
  grantedBytes = 0;
  isCancelled = false;
  /** Whether the node has just come back, and may say once that it lacks the call. */
  mayBeMissing = false;
  /** Whether the caller asked for a stream. */
  readonly isStream: boolean;
  head: Head | null = null;
  /** Bytes that were sent to the caller and not granted again yet. */
  ungrantedBytes = 0;
  chunks = 0;
  /** How many of them came after the call was stopped, whose caller did not get them. */
  lateChunks = 0;
  finish: Finish | null = null;
  /** The body of an answer other than 2xx, once it has begun. */
  rejection: RejectionBody | null = null;
  /** Once it is final. */
  #tally: Tally | null = null;

  constructor(
    private readonly owner: StreamOwner,
    readonly id: number,
    readonly sink: AttemptSink,
    order: Order,
    /** STREAM bytes that the node may still send. */
    public credit: number,
  ) {
    this.order = order;
    this.isStream = order.stream;
  }

  tally(): Tally {
    return this.finish === null ? tallyOf(this) : this.#tally ??= tallyOf(this);
  }

  consumed(bytes: number): void {
    this.owner.grant(this, bytes);
  }

  cancel(): void {
    this.owner.cancel(this);
  }

  forget(): void {
    this.owner.forget(this);
  }
}

/** On the wire, an attempt is a numbered stream. A number is never used twice on one connection. */
export class LinkV2 extends Link<number, OpenStream> {
  protected override readonly lateBytes = WINDOW_BYTES;
  /** With several gateways it begins with this gateway's name, so that the others find the session's owner. */
  #session: string = crypto.randomUUID();
  /** The secret that resumes the session; null: the node has not asked for a session that can be resumed. */
  #secret: string | null = null;
  #isSuspended = false;
  /** Whether a frame has arrived from the node since its WELCOME, which proves that the WELCOME arrived. */
  #isConfirmed = false;
  /** Asks the node to leave; null: it is not to leave. */
  #leave: (() => void) | null = null;
  /** Whether the node was asked to leave: it keeps the link for its running calls alone. */
  #isLeft = false;
  /** Whether the node comes back to a session that it was asked to leave. */
  #returnsAfterGoaway = false;
  #unacknowledged: number[] = [];
  #unacknowledgedBytes = 0;
  protected readonly outbox = new Outbox({
    send: (frame) => this.send(frame),
    ping: (text) => this.sendPing(text),
  });
  #lastStream = 0;
  #terms: WelcomeTerms | null = null;
  protected windowBytes = WINDOW_BYTES;
  protected readonly maxWaitingBytes: number = MAX_WAITING_BYTES;
  /** Headers that callers may see, each with the name under which they see it. */
  protected readonly shownNames = RELAYED_HEADERS;

  get session(): string {
    return this.#session;
  }

  /** Sends HELLO. `terms` are stated in the WELCOME for a node that registers; `gateway` is one of several. */
  hello(terms: WelcomeTerms, gateway: string | null = null): this {
    this.#terms = terms;
    if (gateway !== null) this.#session = sessionAt(gateway, this.#session);
    this.windowBytes = Math.min(WINDOW_BYTES, terms.maxBufferedBytes);
    this.socket.send(encodeJson("hello", 0, { versions: [1, 2], takes_share_with: true }));
    return this;
  }

  override start(order: Order, sink: AttemptSink): RunningAttempt | null {
    if (this.#isSuspended || !this.takesCalls || this.outbox.waitingBytes > this.maxWaitingBytes) {
      return null;
    }
    const id = ++this.#lastStream;
    const stream = new OpenStream(this, id, sink, order, this.windowBytes);
    this.open.set(id, stream);
    if (this.#sendCall(id, order)) return stream;
    this.end(id);
    return null;
  }

  /** Grants half a window at a time: not a frame per chunk, and early enough that no node has to wait. */
  grant(stream: OpenStream, bytes: number): void {
    stream.ungrantedBytes += bytes;
    if (stream.ungrantedBytes < this.windowBytes / 2 || !this.open.has(stream.id)) return;
    stream.credit += stream.ungrantedBytes;
    stream.grantedBytes += stream.ungrantedBytes;
    this.send(encodeCredit(stream.id, stream.ungrantedBytes));
    stream.ungrantedBytes = 0;
  }

  cancel(stream: OpenStream): void {
    if (!this.open.has(stream.id)) return;
    stream.isCancelled = true;
    this.outbox.drop(stream.id);
    this.send(encodeCancel(stream.id));
  }

  forget({ id }: OpenStream): void {
    this.end(id);
  }

  get hasCalls(): boolean {
    return this.open.size > 0;
  }

  /** Where calls would be lost with the link, a network that stalls is given more time. */
  override get isBusy(): boolean {
    return this.#secret !== null && this.open.size + this.#unacknowledged.length > 0;
  }

  override goAway(reason: string, redialWithinMs: number): void {
    this.#leave = () => {
      this.#isLeft = true;
      this.socket.send(encodeJson("goaway", 0, { reason, redial_within_ms: redialWithinMs }));
    };
    // A node whose connection is lost has calls to come back for, and is asked then.
    if (!this.#isSuspended) this.#leave();
  }

  notify(message: string): void {
    if (this.isOpen) this.socket.send(encodeJson("error", 0, { code: 404, message }));
  }

  override ping(): void {
    this.#acknowledgeEnds();
    super.ping(this.outbox.mark);
  }

  /** Whether the session can outlast its link. */
  override get isResumable(): boolean {
    const isWanted = !this.#isLeft || this.#returnsAfterGoaway;
    return this.isOpen && this.#secret !== null && isWanted;
  }

  /**
   * The node has reconnected without its session. A node that never received the WELCOME received none
   * of the calls after it either: they are retried on other nodes, without a penalty.
   */
  replaced(reason: string): void {
    const kind = this.#isConfirmed ? "restarted" : "interrupted";
    for (const id of [...this.open.keys()]) this.fail(id, { kind, reason });
  }

  /** Whether the node has shown what it was given to resume the session. */
  isHeldBy({ session, secret }: ResumeTicket): boolean {
    const isSecret = this.#secret !== null && isSame(secret, this.#secret);
    return isSecret && session === this.#session;
  }

  /** Bytes of bodies that are kept for the node while its link is lost. */
  get keptBytes(): number {
    if (!this.#isSuspended) return 0;
    let bytes = 0;
    for (const { order } of this.open.values()) bytes += order?.body.byteLength ?? 0;
    return bytes;
  }

  /** The link is lost, and its node may come back. Returns how many calls have more body than is kept for them. */
  suspend(): number {
    this.#replaceSocket(NO_SOCKET);
    this.#isSuspended = true;
    let left = MAX_KEPT_PER_LINK;
    const refused: number[] = [];
    for (const [id, { order }] of this.open) {
      const bytes = order?.body.byteLength ?? 0;
      if (bytes > MAX_KEPT_PER_STREAM || bytes > left) refused.push(id);
      else left -= bytes;
    }
    const reason = "its body is too long to be kept for the node";
    for (const id of refused) this.fail(id, { kind: "interrupted", reason });
    for (const { sink } of [...this.open.values()]) sink.suspended?.();
    return refused.length;
  }

  /** Continues the session on this socket: reports to the node what has arrived of each stream. */
  resume(socket: Socket, node: string): void {
    this.#replaceSocket(socket);
    this.#isSuspended = false;
    this.markAlive();
    for (const [id, stream] of this.open) {
      stream.mayBeMissing = stream.order !== null;
      const { receivedBytes, grantedBytes, head, isCancelled } = stream;
      const state = { receivedBytes, grantedBytes, hasHead: head !== null, isCancelled };
      this.send(encodeResume(id, state));
    }
    this.#welcome(node, true);
    // What was sent before may never have arrived.
    this.#leave?.();
    for (const { sink } of [...this.open.values()]) sink.resumed?.();
  }

  protected override answered(text: string): void {
    this.outbox.arrived(text);
  }

  protected override end(id: number): void {
    this.outbox.drop(id);
    super.end(id);
  }

  protected override read(message: string | Uint8Array): void {
    if (typeof message === "string") return this.malformed("text in wire v2", message.length);
    this.#readFrame(message, 0, message.byteLength);
  }

  #readFrame(message: Uint8Array, start: number, end: number): void {
    const decoded = decodeV2(message, start, end);
    if (decoded.kind === "malformed") return this.malformed(decoded.reason, end - start);
    if (decoded.kind === "frame" && decoded.frame.type === "pack") {
      return this.#unpack(message, decoded.frame.frames);
    }
    this.wellFormed();
    if (decoded.kind === "frame") this.#take(decoded.frame, end - start);
    else this.takeUnknown(end - start);
  }

  protected override reject(reason: string): void {
    this.socket.send(encodeJson("error", 0, { code: 400, message: reason }));
  }

  #take(frame: FrameV2, bytes: number): void {
    this.#isConfirmed = this.#secret !== null;
    // Pieces that come late have a limit of their own.
    const isBeside = frame.type !== "stream" && !this.open.has(frame.stream);
    if (isBeside && !this.takesBeside(bytes)) return;
    switch (frame.type) {
      case "stream":
        return this.#data(frame.stream, frame.bytes);
      case "head":
        return this.#head(frame.stream, frame.data);
      case "missing":
        return this.#missing(frame.stream);
      case "finish":
        return this.#finish(frame.stream, frame.data);
      case "error":
        return this.#error(frame.stream, frame.data);
      case "register":
        if (this.takesChange()) this.#register(frame.data);
        return;
      case "status":
        if (this.takesChange()) this.owner.changed(this, frame.data);
        return;
      default:
        return this.takeForeign(frame.type);
    }
  }

  #unpack(message: Uint8Array, frames: readonly Span[]): void {
    for (const { start, end } of frames) {
      // One of them may have ended the link.
      if (!this.isOpen) return;
      this.#readFrame(message, start, end);
    }
  }

  #register(data: RegisterV2): void {
    const { resume, node_id: nodeId = null } = data;
    const offer = offerOf(data, data);
    const ticket = resume && ticketIn(resume);
    const begin = () => {
      if (resume?.or_close === true) {
        return this.close(CloseCode.notRegistered, "The session does not go on");
      }
      const node = this.owner.registered(this, offer, nodeId, ticket === null);
      // Its account may have too many nodes and models already.
      if (!this.isOpen) return;
      const mayResume = resume !== undefined && (this.#terms?.resumeMs ?? 0) > 0;
      if (mayResume) this.#secret ??= crypto.randomUUID() + crypto.randomUUID();
      this.#returnsAfterGoaway = mayResume && resume.after_goaway === true;
      this.#welcome(node, false);
    };
    if (ticket && this.owner.resume?.(this, { ticket, offer, register: data, begin })) return;
    begin();
  }

  #welcome(node: string, isResumed: boolean): void {
    const { pingMs = 0, silenceMs = 0, maxFrameBytes = MAX_FRAME_BYTES, resumeMs = 0 } =
      this.#terms ?? {};
    this.socket.send(encodeJson("welcome", 0, {
      session: this.#session,
      node,
      ping_ms: pingMs,
      silence_ms: silenceMs,
      window_bytes: this.windowBytes,
      max_frame_bytes: Math.min(MAX_FRAME_BYTES, maxFrameBytes),
      takes_packs: true,
      ...(this.#secret === null ? {} : { secret: this.#secret, resume_ms: resumeMs }),
      ...(this.#returnsAfterGoaway ? { after_goaway: true } : {}),
      ...(isResumed ? { resumed: true } : {}),
    }));
  }

  #head(id: number, head: Head): void {
    const stream = this.open.get(id);
    if (stream === undefined) return this.takeLate(id, "HEAD");
    if (stream.head !== null) return this.#breach(id, "a second HEAD");
    stream.order = null;
    if (!isSuccess(head)) stream.head = head;
    else {
      stream.head = SUCCESS;
      // A node that answers has read the body or does not want the rest, which the gateway gives up.
      this.outbox.drop(id);
      stream.sink.head(this.#shown(head));
    }
  }

  /** The hot path: nothing here looks into the bytes. */
  #data(id: number, bytes: Uint8Array): void {
    const stream = this.open.get(id);
    if (stream === undefined) return this.takeLate(id, "STREAM", bytes.byteLength);
    if (stream.head === null) return this.#breach(id, "STREAM before HEAD");
    // An empty frame is no answer, and must not keep the call of a silent node alive.
    if (bytes.byteLength === 0) return;
    stream.credit -= bytes.byteLength;
    stream.receivedBytes += bytes.byteLength;
    if (stream.credit < 0) return this.#breach(id, "more bytes than it had credit for");
    if (!isSuccess(stream.head)) return this.#addToRejection(id, stream, bytes);
    if (stream.chunks === 0 && stream.isStream) {
      const failure = errorEventIn(bytes);
      if (failure !== null) return this.#brokeOff(id, failure);
    }
    stream.chunks++;
    if (stream.isCancelled) stream.lateChunks++;
    if (
      stream.chunks > MAX_SMALL_PIECES && stream.receivedBytes < stream.chunks * MIN_PIECE_BYTES
    ) return this.#breach(id, "thousands of pieces of a few bytes");
    stream.sink.data(bytes);
  }

  /** The upstream's stream begins with an error. */
  #brokeOff(id: number, failure: AttemptFailure): void {
    this.send(encodeCancel(id));
    this.fail(id, failure);
  }

  /** Gathers the body of a rejection. It fails the attempt when it is complete, or too long to be complete. */
  #addToRejection(id: number, stream: OpenStream, bytes: Uint8Array): void {
    stream.rejection ??= new RejectionBody();
    if (stream.rejection.add(bytes)) return;
    this.send(encodeCancel(id));
    this.#rejected(id, stream, stream.head!);
  }

  #rejected(id: number, { rejection }: OpenStream, head: Head): void {
    const body = rejection?.end() ?? "";
    this.fail(id, { kind: "answered", status: head.status, headers: this.#shown(head), body });
  }

  #finish(id: number, finish: Finish): void {
    const stream = this.open.get(id);
    this.#acknowledge(id, stream);
    if (stream === undefined) return this.takeLate(id, "FINISH");
    const { head, sink } = stream;
    if (head === null) return this.#breach(id, "FINISH before HEAD");
    stream.finish = finish;
    if (!isSuccess(head)) return this.#rejected(id, stream, head);
    if (stream.chunks === 0) {
      return this.fail(id, { kind: "no answer", reason: "it finished without one" });
    }
    this.end(id);
    sink.finish();
  }

  #error(id: number, failure: Failure): void {
    if (id === 0) return this.reported(failure.code, failure.message);
    const stream = this.open.get(id);
    this.#acknowledge(id, stream);
    if (stream === undefined) return this.takeLate(id, "ERROR");
    stream.finish = failure.tally ?? null;
    this.fail(id, this.failureOf(failure));
  }

  /** What was on its way is lost with the socket before. */
  #replaceSocket(socket: Socket): void {
    this.socket = socket;
    this.outbox.reset();
    this.#unacknowledged = [];
    this.#unacknowledgedBytes = 0;
  }

  /** The CALL has never arrived, or a part of its body: it is sent again. */
  #missing(id: number): void {
    const stream = this.open.get(id);
    if (stream === undefined) return this.takeLate(id, "MISSING");
    if (stream.order === null) return this.#breach(id, "MISSING after HEAD");
    if (!stream.mayBeMissing) return this.takeForeign("MISSING");
    stream.mayBeMissing = false;
    if (!this.#sendCall(id, stream.order)) this.drop();
  }

  /** The node keeps an answer until the gateway confirms that its end has arrived. */
  #acknowledge(id: number, stream: OpenStream | undefined): void {
    if (this.#secret === null) return;
    this.#unacknowledged.push(id);
    if (stream) this.#unacknowledgedBytes += stream.receivedBytes - stream.grantedBytes;
    const isDue = this.#unacknowledged.length >= MAX_UNACKNOWLEDGED_ENDS ||
      this.#unacknowledgedBytes >= MAX_UNACKNOWLEDGED_BYTES;
    if (isDue) this.#acknowledgeEnds();
  }

  #acknowledgeEnds(): void {
    if (this.#unacknowledged.length === 0) return;
    this.send(encodeEnded(this.#unacknowledged));
    this.#unacknowledged = [];
    this.#unacknowledgedBytes = 0;
  }

  /** The head of the order's CALL. */
  protected headOf(order: Order, bodyBytes: number): CallHead {
    const head: CallHead = {
      id: order.attemptId,
      endpoint: order.endpoint,
      model: order.model,
      stream: order.stream,
      hide_usage: order.stream && !order.wantsUsage,
      body_bytes: bodyBytes,
    };
    if (order.headers !== null) head.headers = order.headers;
    if (order.audience !== undefined) head.audience = order.audience;
    return head;
  }

  /** The failure of an attempt that an ERROR reports. */
  protected failureOf(
    { code, message, busy, retry_after_ms, error, kind }: Failure,
  ): AttemptFailure {
    return {
      kind: "refused",
      error: {
        code,
        message: busy ? `${BUSY}: ${message}` : message,
        ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
        ...(error === undefined ? {} : { error }),
        ...(kind === undefined ? {} : { kind }),
      },
    };
  }

  /** The node broke the protocol on this stream: fails the attempt and cancels the call at the node. */
  #breach(id: number, reason: string): void {
    this.send(encodeCancel(id));
    this.fail(id, { kind: "protocol", reason });
  }

  /** The headers that callers may see, under the names that they have for callers. */
  #shown(head: Head): Record<string, string> {
    const all: Record<string, string> = {};
    for (const name of Object.keys(head.headers)) {
      const shown = this.shownNames.get(name);
      const value = head.headers[name]!;
      if (shown !== undefined && HEADER_VALUE.test(value)) all[shown] = value;
    }
    return all;
  }

  /** Returns false if the frame was dropped. */
  #sendCall(id: number, order: Order): boolean {
    const { bytes } = order.body;
    const first = this.outbox.take(bytes);
    const frame = encodeCallStart(id, this.headOf(order, bytes.byteLength), first, sharedRoom);
    if (this.socket.send(frame) === 0) return false;
    this.outbox.add(id, bytes, first.byteLength);
    return true;
  }
}

/** Between the name of a gateway and the rest of a session's name. */
const SESSION_SEPARATOR = "/";

function sessionAt(gateway: string, session: string): string {
  return `${gateway}${SESSION_SEPARATOR}${session}`;
}

/** The gateway that holds the session; null: its name does not say. */
export function holderOf(session: string): string | null {
  const end = session.indexOf(SESSION_SEPARATOR);
  return end < 0 ? null : session.slice(0, end);
}

/** Null: the node asks for a session, and has none. */
export function ticketIn({ session, secret }: ResumeRequest): ResumeTicket | null {
  return session === undefined || secret === undefined ? null : { session, secret };
}

/** Takes as long for every wrong secret. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(left!, right!);
}

function isSuccess(head: Head): boolean {
  return head.status >= 200 && head.status < 300;
}

/** What follows the finish reason of a stream: the chunk of its usage, and the end mark. */
const MAX_CHUNKS_AFTER_REASON = 2;

/** How an error event begins, in the first bytes of a stream. */
const ERROR_EVENT = /^(?:event: ?error|data: ?\{\s*"(?:error"|(?:type|object)"\s*:\s*"error"))/;
const ERROR_EVENT_BYTES = 64;

/** The failure in a stream that begins with an error event; null: the bytes begin with none. */
function errorEventIn(bytes: Uint8Array): AttemptFailure | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!ERROR_EVENT.test(buffer.toString("latin1", 0, ERROR_EVENT_BYTES))) return null;
  const data = /^data: ?(.*)$/m.exec(buffer.toString())?.[1] ?? "";
  try {
    const error = errorIn(JSON.parse(data));
    return error === null ? null : errorInAnswer(data, error);
  } catch {
    return null;
  }
}

/** The node's own tally; if the node could not send it, because its connection was lost, the number of frames. */
function tallyOf({ finish, chunks, lateChunks, isStream }: OpenStream): Tally {
  if (finish === null) {
    const guess = isStream && chunks > 0 ? chunks : null;
    return { promptTokens: null, completionTokens: guess, estimated: guess !== null, chunks };
  }
  const tally: Tally = {
    promptTokens: finish.prompt_tokens,
    completionTokens: finish.completion_tokens,
    estimated: finish.estimated,
    chunks,
  };
  if (finish.response_id !== undefined) tally.responseId = finish.response_id;
  if (finish.finish_reason !== null && lateChunks <= MAX_CHUNKS_AFTER_REASON) {
    tally.isComplete = true;
  }
  if (finish.finish_reason === "failed") tally.hasFailed = true;
  return tally;
}

/** A node's link in wire v2: binary frames, status first, credits, acknowledged cancel. */

import {
  BUSY,
  type CallHead,
  decodeV2,
  encodeCallStart,
  encodeCancel,
  encodeCredit,
  encodeJson,
  type Failure,
  type Finish,
  type FrameV2,
  type Head,
  MAX_FRAME_BYTES,
  type RegisterV2,
  RELAYED_HEADERS,
  WINDOW_BYTES,
} from "../../protocol/mod.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt, Tally } from "./attempt.ts";
import { Link } from "./link.ts";
import { offerOf } from "./node.ts";
import { Outbox, sharedRoom } from "./outbox.ts";
import { RefusalBody } from "./refusal_body.ts";

/** What WELCOME tells, apart from the node's own id. */
export interface WelcomeTerms {
  pingMs: number;
  silenceMs: number;
  /** What is held for a caller that reads slowly: no node may have more than that under way. */
  maxBufferedBytes: number;
  /** The largest frame that this gateway takes. */
  maxFrameBytes: number;
}

/** Header values that are passed on: one line of visible characters, and not much of it. */
const HEADER_VALUE = /^[\x20-\x7e]{1,200}$/;

/** All that a stream keeps of a head that is none of a refusal: the rest is told at once. */
const SUCCESS: Head = { status: 200, headers: {} };

/** A node that has so much of bodies still to come gets no further calls, in bytes. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

interface OpenStream {
  sink: AttemptSink;
  /** Whether the caller asked for a stream. */
  isStream: boolean;
  head: Head | null;
  /** Bytes that the node may still send. */
  credit: number;
  /** Bytes that have left for the caller and were not granted anew. */
  consumed: number;
  chunks: number;
  finish: Finish | null;
  /** The body of an answer that is no success, once it has begun. */
  refusal: RefusalBody | null;
}

/** Attempts are numbered streams. A number is never used twice on one connection. */
export class LinkV2 extends Link<number, OpenStream> {
  protected override readonly lateBytes = WINDOW_BYTES;
  readonly #session = crypto.randomUUID();
  protected readonly outbox = new Outbox({
    say: (frame) => this.say(frame),
    ping: (text) => this.socket.ping(text),
  });
  #lastStream = 0;
  #terms: WelcomeTerms | null = null;
  protected windowBytes = WINDOW_BYTES;
  protected readonly maxWaitingBytes: number = MAX_WAITING_BYTES;
  /** Headers that may be seen by callers, each with the name that it has there. */
  protected readonly shownNames = RELAYED_HEADERS;

  /** Opens the conversation; `terms` are what a node that registers is welcomed with. */
  hello(terms: WelcomeTerms): this {
    this.#terms = terms;
    this.windowBytes = Math.min(WINDOW_BYTES, terms.maxBufferedBytes);
    this.socket.send(encodeJson("hello", 0, { versions: [1, 2] }));
    return this;
  }

  override start(order: Order, sink: AttemptSink): RunningAttempt | null {
    if (!this.takesCalls || this.outbox.waitingBytes > this.maxWaitingBytes) return null;
    const id = ++this.#lastStream;
    const stream: OpenStream = {
      sink,
      isStream: order.stream,
      head: null,
      credit: this.windowBytes,
      consumed: 0,
      chunks: 0,
      finish: null,
      refusal: null,
    };
    this.open.set(id, stream);
    if (!this.#sendCall(id, order)) {
      this.end(id);
      return null;
    }
    return {
      tally: () => tallyOf(stream),
      consumed: (bytes) => this.#grant(id, stream, bytes),
      cancel: () => this.#cancel(id),
      forget: () => this.end(id),
    };
  }

  override goAway(reason: string, redialWithinMs: number): void {
    this.socket.send(encodeJson("goaway", 0, { reason, redial_within_ms: redialWithinMs }));
  }

  override ping(): void {
    super.ping(this.outbox.mark);
  }

  override ponged(text: string): void {
    super.ponged(text);
    this.outbox.arrived(text);
  }

  protected override end(id: number): void {
    this.outbox.drop(id);
    super.end(id);
  }

  protected override read(message: string | Uint8Array): void {
    if (typeof message === "string") return this.malformed("text in wire v2");
    const decoded = decodeV2(message);
    if (decoded.kind === "malformed") return this.malformed(decoded.reason);
    if (decoded.kind === "frame" && decoded.frame.type === "pack") {
      return this.#unpack(decoded.frame.messages);
    }
    this.wellFormed();
    if (decoded.kind === "frame") this.#take(decoded.frame);
    else this.ignored(message.byteLength);
  }

  protected override complain(reason: string): void {
    this.socket.send(encodeJson("error", 0, { code: 400, message: reason }));
  }

  #take(frame: FrameV2): void {
    switch (frame.type) {
      case "stream":
        return this.#data(frame.stream, frame.bytes);
      case "head":
        return this.#head(frame.stream, frame.data);
      case "finish":
        return this.#finish(frame.stream, frame.data);
      case "error":
        return this.#error(frame.stream, frame.data);
      case "register":
        return this.#register(frame.data);
      case "status":
        return this.owner.changed(this, frame.data);
      default:
        return this.foreign(frame.type);
    }
  }

  #unpack(messages: readonly Uint8Array[]): void {
    for (const message of messages) {
      // One of them may have been the last that this node was forgiven.
      if (!this.isOpen) return;
      this.read(message);
    }
  }

  #register(data: RegisterV2): void {
    const node = this.owner.registered(
      this,
      offerOf(data, data.capabilities),
      data.node_id ?? null,
    );
    this.socket.send(encodeJson("welcome", 0, {
      session: this.#session,
      node,
      ping_ms: this.#terms?.pingMs ?? 0,
      silence_ms: this.#terms?.silenceMs ?? 0,
      window_bytes: this.windowBytes,
      max_frame_bytes: Math.min(MAX_FRAME_BYTES, this.#terms?.maxFrameBytes ?? MAX_FRAME_BYTES),
      takes_packs: true,
    }));
  }

  #head(id: number, head: Head): void {
    const stream = this.open.get(id);
    if (stream === undefined) return this.notOpen(id, "HEAD");
    if (stream.head !== null) return this.#breach(id, "a second HEAD");
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
    if (stream === undefined) return this.notOpen(id, "STREAM", bytes.byteLength);
    if (stream.head === null) return this.#breach(id, "STREAM before HEAD");
    // Nothing is no sign of work: it must not pass for an answer, nor keep a silent node's call alive.
    if (bytes.byteLength === 0) return;
    stream.credit -= bytes.byteLength;
    if (stream.credit < 0) return this.#breach(id, "more bytes than it had credit for");
    if (!isSuccess(stream.head)) return this.#refuse(id, stream, bytes);
    stream.chunks++;
    stream.sink.data(bytes);
  }

  /** Gathers an upstream's refusal, whose sense is judged when it is complete, or longer than any is. */
  #refuse(id: number, stream: OpenStream, bytes: Uint8Array): void {
    stream.refusal ??= new RefusalBody();
    if (stream.refusal.add(bytes)) return;
    this.say(encodeCancel(id));
    this.#refused(id, stream, stream.head!);
  }

  #refused(id: number, { refusal }: OpenStream, head: Head): void {
    const body = refusal?.end() ?? "";
    this.fail(id, { kind: "answered", status: head.status, headers: this.#shown(head), body });
  }

  #finish(id: number, finish: Finish): void {
    const stream = this.open.get(id);
    if (stream === undefined) return this.notOpen(id, "FINISH");
    const { head, sink } = stream;
    if (head === null) return this.#breach(id, "FINISH before HEAD");
    stream.finish = finish;
    if (!isSuccess(head)) return this.#refused(id, stream, head);
    if (stream.chunks === 0) return this.#breach(id, "finished without an answer");
    this.end(id);
    sink.finish();
  }

  #error(id: number, failure: Failure): void {
    if (id === 0) return this.reported(failure.code, failure.message);
    const stream = this.open.get(id);
    if (stream === undefined) return this.notOpen(id, "ERROR");
    stream.finish = failure.tally ?? null;
    this.fail(id, this.failureOf(failure));
  }

  /** What CALL says of the order. */
  protected headOf(order: Order): Omit<CallHead, "body_bytes"> {
    return {
      id: order.attemptId,
      endpoint: order.endpoint,
      ...(order.headers === null ? {} : { headers: order.headers }),
      model: order.model,
      stream: order.stream,
      hide_usage: order.stream && !order.wantsUsage,
    };
  }

  /** What an ERROR says of its attempt. */
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

  /** The node broke the rules for this stream: the attempt has failed, and the node is told to stop. */
  #breach(id: number, reason: string): void {
    this.say(encodeCancel(id));
    this.fail(id, { kind: "protocol", reason });
  }

  /** Under the names by which callers may see them. */
  #shown(head: Head): Record<string, string> {
    const all: Record<string, string> = {};
    for (const name of Object.keys(head.headers)) {
      const shown = this.shownNames.get(name);
      const value = head.headers[name]!;
      if (shown !== undefined && HEADER_VALUE.test(value)) all[shown] = value;
    }
    return all;
  }

  /** Half a window at a time: neither a frame for every chunk, nor a node that waits for one. */
  #grant(id: number, stream: OpenStream, bytes: number): void {
    stream.consumed += bytes;
    if (stream.consumed < this.windowBytes / 2 || !this.open.has(id)) return;
    stream.credit += stream.consumed;
    this.say(encodeCredit(id, stream.consumed));
    stream.consumed = 0;
  }

  /** Only 0 means that a frame is gone. */
  #sendCall(id: number, order: Order): boolean {
    const { bytes } = order.body;
    const first = this.outbox.take(bytes);
    const head = this.headOf(order);
    const frame = encodeCallStart(id, head, first, bytes.byteLength, sharedRoom);
    if (this.socket.send(frame) === 0) return false;
    this.outbox.add(id, bytes.subarray(first.byteLength));
    return true;
  }

  #cancel(id: number): void {
    if (!this.open.has(id)) return;
    this.outbox.drop(id);
    this.say(encodeCancel(id));
  }
}

function isSuccess(head: Head): boolean {
  return head.status >= 200 && head.status < 300;
}

/** What the node has told; where it could not (its connection was lost), frames are counted instead. */
function tallyOf({ finish, chunks, isStream }: OpenStream): Tally {
  if (finish === null) {
    const guess = isStream && chunks > 0 ? chunks : null;
    return { promptTokens: null, completionTokens: guess, estimated: guess !== null, chunks };
  }
  return {
    promptTokens: finish.prompt_tokens,
    completionTokens: finish.completion_tokens,
    estimated: finish.estimated,
    chunks,
    ...(finish.response_id === undefined ? {} : { responseId: finish.response_id }),
  };
}

/** A node's link in wire v1: JSON text frames. */

import {
  CALLER_GONE,
  decode,
  encodeCall,
  encodeError,
  type ErrorData,
  errorIn,
  type Frame,
  MAX_ENVELOPE_BYTES,
  othersTurn,
  SLICE_BYTES,
} from "../../protocol/mod.ts";
import {
  type AttemptFailure,
  type AttemptSink,
  errorInAnswer,
  type Order,
  type RunningAttempt,
} from "./attempt.ts";
import type { Clock } from "../base/clock.ts";
import { Link, type LinkOwner, MAX_SEND_BUFFER_BYTES, type Socket } from "./link.ts";
import { offerOf } from "./node.ts";
import { payloadFor, payloadInTurns, V1Answer } from "./v1_answer.ts";

interface OpenAttempt {
  answer: V1Answer;
  sink: AttemptSink;
  /** Whether its CALL was sent; a long one is sent a few turns of the event loop later. */
  isSent: boolean;
  /** Bytes that may still come after a cancel; null: not cancelled. */
  lateBytes: number | null;
  /** Cancels the wait for usage once all choices have ended; null: they have not. */
  cancelUsageWait: (() => void) | null;
}

/** What a socket's `send` returns for a message that it will send later. */
const QUEUED = -1;

/** How long usage may take once all choices of a stream have ended: some upstreams keep the connection open. */
const USAGE_WITHIN_MS = 2_000;

/** v1 nodes may ignore a cancel, and v1 has no credits: a whole answer may still come. */
const LATE_BYTES = 32 * 1024 * 1024;

/**
 * How many values a frame may hold while calls run (see StructureLimits): reading them takes some 40 ms.
 * A whole answer of 7 MiB with the 20 likeliest tokens for each of its own holds fewer; 8 MiB of brackets
 * would take four times as long.
 */
const MAX_ANSWER_VALUES = 1_500_000;

/** The same while no call runs. A REGISTER of 1,000 models holds two thousand: a string and a comma each. */
const MAX_CONTROL_VALUES = 100_000;

/** On the wire, an attempt is identified by its id. */
export class LinkV1 extends Link<string, OpenAttempt> {
  protected override readonly lateBytes = LATE_BYTES;
  /** Of bodies that the socket may not have sent whole. */
  #unsent: (() => void)[] = [];
  /** Of long bodies that the socket does not have yet. */
  #preparedBytes = 0;

  constructor(
    socket: Socket,
    owner: LinkOwner,
    private readonly clock: Pick<Clock, "monotonic" | "after">,
  ) {
    super(socket, owner, () => clock.monotonic());
  }

  override start(order: Order, sink: AttemptSink): RunningAttempt | null {
    if (!this.takesCalls) return null;
    const { attemptId } = order;
    const answer = new V1Answer(order);
    const isLong = order.body.byteLength > SLICE_BYTES;
    const attempt = { answer, sink, isSent: !isLong, lateBytes: null, cancelUsageWait: null };
    this.open.set(attemptId, attempt);
    if (isLong) void this.#prepare(order, attempt);
    else if (!this.#sendCall(order, callOf(order, payloadFor(order)))) {
      this.open.delete(attemptId);
      return null;
    }
    return {
      tally: () => answer.tally(),
      consumed: () => {},
      cancel: () => this.#cancel(attemptId),
      forget: () => this.end(attemptId),
    };
  }

  protected override get takesCalls(): boolean {
    return super.takesCalls && this.#preparedBytes <= MAX_SEND_BUFFER_BYTES;
  }

  /** Sends a call with a long body. Decoding it and sending it take milliseconds each, and others' turns come in between. */
  async #prepare(order: Order, attempt: OpenAttempt): Promise<void> {
    const { attemptId, body } = order;
    const { byteLength } = body;
    const isOpen = () => this.open.get(attemptId) === attempt;
    const isWanted = () => isOpen() && attempt.lateBytes === null;
    this.#preparedBytes += byteLength;
    // What is prepared is in memory until its next turn, also when the call is over.
    const gone = body.copied?.();
    try {
      const payload = await payloadInTurns(order, isWanted);
      if (payload !== null) {
        const frame = joined(callOf(order, payload));
        await othersTurn();
        attempt.isSent = isWanted() && this.#sendCall(order, frame);
      }
      if (attempt.isSent || !isOpen()) return;
    } catch (error) {
      this.owner.failed(this, error);
    } finally {
      this.#preparedBytes -= byteLength;
      gone?.();
    }
    this.fail(attemptId, { kind: "interrupted", reason: "the call was not sent" });
  }

  /** False: the frame was dropped. */
  #sendCall({ body }: Order, frame: string): boolean {
    const sent = this.socket.send(frame);
    // The socket has a copy, which a node that does not read keeps there when the call is long over.
    if (sent === QUEUED && body.copied) this.#unsent.push(body.copied());
    return sent !== 0;
  }

  override drained(): void {
    super.drained();
    if (this.socket.getBufferedAmount() === 0) this.unsentGone();
  }

  protected override unsentGone(): void {
    for (const gone of this.#unsent.splice(0)) gone();
  }

  /** v1 has no such frame: the close code says it when the link ends. */
  override goAway(): void {}

  /** A stream whose choices have all ended is complete, whatever becomes of its connection. */
  protected override fail(attemptId: string, failure: AttemptFailure): void {
    const attempt = this.open.get(attemptId);
    if (attempt?.cancelUsageWait && attempt.lateBytes === null) {
      return this.#complete(attemptId, attempt);
    }
    super.fail(attemptId, failure);
  }

  protected override end(attemptId: string): void {
    this.open.get(attemptId)?.cancelUsageWait?.();
    super.end(attemptId);
  }

  protected override read(message: string | Uint8Array): void {
    if (typeof message !== "string") return this.malformed("binary in wire v1", message.byteLength);
    const decoded = decode(message, this.open.size > 0 ? MAX_ANSWER_VALUES : MAX_CONTROL_VALUES);
    if (decoded.kind === "malformed") return this.malformed(decoded.reason, message.length);
    this.wellFormed();
    if (decoded.kind === "unknown") return this.takeUnknown(message.length);
    const { frame, bodyText } = decoded;
    const beside = this.#bytesBeside(frame, message.length, bodyText.length);
    if (beside === 0 || this.takesBeside(beside)) this.#take(frame, bodyText);
  }

  protected override reject(reason: string): void {
    this.socket.send(encodeError({ code: 400, message: reason }));
  }

  /** How much of a frame belongs to no running call. */
  #bytesBeside({ type, data }: Frame, bytes: number, bodyBytes: number): number {
    if (type === "STREAM") {
      const envelopeBytes = bytes - bodyBytes;
      return envelopeBytes > MAX_ENVELOPE_BYTES ? envelopeBytes : 0;
    }
    const isOfCall = type !== "REGISTER" && this.open.has(data.request_id ?? "");
    return isOfCall ? 0 : bytes;
  }

  #take(frame: Frame, bodyText: string): void {
    switch (frame.type) {
      case "REGISTER":
        if (this.takesChange()) {
          this.owner.registered(this, offerOf(frame.data), frame.data.node_id ?? null);
        }
        return;
      case "STREAM":
        return this.#stream(frame.data.request_id, frame.data.chunk, bodyText);
      case "FINISH":
        return this.#finish(frame.data.request_id);
      case "ERROR":
        return this.#error(frame.data);
      case "CALL":
        return this.takeForeign("CALL");
    }
  }

  #stream(attemptId: string, chunk: unknown, text: string): void {
    const attempt = this.open.get(attemptId);
    if (attempt === undefined) return this.takeLate(attemptId, "STREAM", text.length);
    if (attempt.lateBytes !== null && (attempt.lateBytes -= text.length) < 0) {
      return this.endFlood();
    }
    if (!attempt.answer.order.stream && attempt.answer.tally().chunks > 0) {
      return this.fail(attemptId, { kind: "protocol", reason: "more than one answer" });
    }
    const error = attempt.lateBytes === null ? errorIn(chunk) : null;
    if (error !== null) return this.#brokeOff(attemptId, errorInAnswer(text, error));
    // v1 does not carry the upstream's headers.
    if (attempt.answer.tally().chunks === 0) attempt.sink.head({});
    attempt.sink.data(attempt.answer.take(chunk, text));
    if (attempt.answer.isComplete) this.#awaitUsage(attemptId, attempt);
  }

  /** The upstream has put an error in place of the answer, or of its rest. */
  #brokeOff(attemptId: string, failure: AttemptFailure): void {
    this.#cancel(attemptId);
    this.fail(attemptId, failure);
  }

  #awaitUsage(attemptId: string, attempt: OpenAttempt): void {
    attempt.cancelUsageWait ??= this.clock.after(USAGE_WITHIN_MS, () => {
      // A call that was stopped waits for its node's confirmation.
      if (attempt.lateBytes !== null) return;
      this.#cancel(attemptId);
      this.#complete(attemptId, attempt);
    });
  }

  #complete(attemptId: string, { sink }: OpenAttempt): void {
    this.end(attemptId);
    sink.finish();
  }

  #finish(attemptId: string): void {
    const attempt = this.open.get(attemptId);
    if (attempt === undefined) return this.takeLate(attemptId, "FINISH");
    if (attempt.answer.tally().chunks === 0) {
      return this.fail(attemptId, { kind: "no answer", reason: "it finished without one" });
    }
    this.#complete(attemptId, attempt);
  }

  #error(error: ErrorData): void {
    const attemptId = error.request_id;
    if (attemptId === undefined) return this.reported(error.code, error.message);
    if (!this.open.has(attemptId)) return this.takeLate(attemptId, "ERROR");
    this.fail(attemptId, { kind: "refused", error });
  }

  #cancel(attemptId: string): void {
    const attempt = this.open.get(attemptId);
    if (attempt === undefined) return;
    attempt.lateBytes ??= LATE_BYTES;
    attempt.answer.isStopped = true;
    if (!attempt.isSent) return;
    this.send(encodeError({
      request_id: attemptId,
      code: CALLER_GONE,
      message: "Stop this call: its caller is gone",
    }));
  }
}

function callOf({ attemptId, model }: Order, payload: string): string {
  return encodeCall(attemptId, model, payload);
}

/** The engine joins the parts of a text when a character is read, which for a long one takes milliseconds. */
function joined(text: string): string {
  text.charCodeAt(0);
  return text;
}

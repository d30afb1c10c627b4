/** A node's link in wire v1: JSON text frames. */

import {
  CALLER_GONE,
  decode,
  encodeCall,
  encodeError,
  type ErrorData,
  type Frame,
} from "../../protocol/mod.ts";
import type { AttemptSink, Order, RunningAttempt } from "./attempt.ts";
import { Link } from "./link.ts";
import { offerOf } from "./node.ts";
import { payloadFor, V1Answer } from "./v1_answer.ts";

interface OpenAttempt {
  answer: V1Answer;
  sink: AttemptSink;
  /** Bytes that may still come after a cancel; null: not cancelled. */
  lateBytes: number | null;
}

/** v1 nodes may ignore a cancel, and v1 has no credits: a whole answer may still come. */
const LATE_BYTES = 32 * 1024 * 1024;

/** On the wire, an attempt is identified by its id. */
export class LinkV1 extends Link<string, OpenAttempt> {
  protected override readonly lateBytes = LATE_BYTES;

  override start(order: Order, sink: AttemptSink): RunningAttempt | null {
    if (!this.takesCalls) return null;
    const { attemptId } = order;
    const answer = new V1Answer(order);
    this.open.set(attemptId, { answer, sink, lateBytes: null });
    // −1 is queued and will be sent; only 0 means that the frame was dropped.
    if (this.socket.send(encodeCall(attemptId, order.model, payloadFor(order))) === 0) {
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

  /** v1 has no such frame: the close code says it when the link ends. */
  override goAway(): void {}

  protected override read(message: string | Uint8Array): void {
    if (typeof message !== "string") return this.malformed("binary in wire v1");
    const decoded = decode(message);
    if (decoded.kind === "malformed") return this.malformed(decoded.reason);
    this.wellFormed();
    if (decoded.kind === "frame") this.#take(decoded.frame, decoded.bodyText);
    else this.takeUnknown(message.length);
  }

  protected override reject(reason: string): void {
    this.socket.send(encodeError({ code: 400, message: reason }));
  }

  #take(frame: Frame, bodyText: string): void {
    switch (frame.type) {
      case "REGISTER":
        this.owner.registered(this, offerOf(frame.data), frame.data.node_id ?? null);
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
    // v1 does not carry the upstream's headers.
    if (attempt.answer.tally().chunks === 0) attempt.sink.head({});
    attempt.sink.data(attempt.answer.take(chunk, text));
  }

  #finish(attemptId: string): void {
    const attempt = this.open.get(attemptId);
    if (attempt === undefined) return this.takeLate(attemptId, "FINISH");
    if (attempt.answer.tally().chunks === 0) {
      return this.fail(attemptId, { kind: "protocol", reason: "finished without an answer" });
    }
    this.end(attemptId);
    attempt.sink.finish();
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
    this.send(encodeError({
      request_id: attemptId,
      code: CALLER_GONE,
      message: "Stop this call: its caller is gone",
    }));
  }
}

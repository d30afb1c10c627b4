/** A node's socket, speaking wire v1: frames in, frames out, liveness, and the attempts that run on it. */

import {
  CALLER_GONE,
  CloseCode,
  decode,
  encodeCall,
  encodeError,
  type ErrorData,
  type Frame,
  MAX_MALFORMED_IN_A_ROW,
  type RegisterData,
} from "../../protocol/mod.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt } from "./attempt.ts";
import type { NodeConnection, NodeOffer } from "./node.ts";
import { payloadFor, V1Answer } from "./v1_answer.ts";

/** What a Link needs of a WebSocket. Bun's ServerWebSocket is one. */
export interface Socket {
  /** Bytes sent; −1: queued; 0: dropped. */
  send(text: string): number;
  ping(): void;
  close(code: number, reason: string): void;
  /** Ends the connection at once, without a closing handshake. */
  terminate(): void;
  getBufferedAmount(): number;
}

/** What a Link reports to the room that keeps the nodes. */
export interface LinkOwner {
  registered(link: Link, offer: NodeOffer, nodeId: string | null): void;
  /** Something that the log should know. */
  noticed(link: Link, event: string, detail: Record<string, unknown>): void;
}

/** A node that reads this slowly gets no further calls until it has caught up, in bytes. */
const MAX_SEND_BUFFER_BYTES = 8 * 1024 * 1024;

/** Late frames of calls that ended are nobody's fault; older ones than this many are forgotten. */
const REMEMBERED_ENDED_ATTEMPTS = 1024;

/** Frames for calls that were never this node's, before the connection ends. */
const MAX_FOREIGN_FRAMES = 10;

interface OpenAttempt {
  answer: V1Answer;
  sink: AttemptSink;
}

export class Link implements NodeConnection {
  readonly #open = new Map<string, OpenAttempt>();
  readonly #ended = new Set<string>();
  #malformedInARow = 0;
  #foreign = 0;
  #isClosed = false;
  /** Monotonic milliseconds of the last sign of life. */
  heardMs: number;
  pingedMs: number;

  constructor(
    private readonly socket: Socket,
    private readonly owner: LinkOwner,
    private readonly monotonic: () => number,
  ) {
    this.heardMs = this.pingedMs = monotonic();
  }

  start(order: Order, sink: AttemptSink): RunningAttempt | null {
    if (this.#isClosed || this.socket.getBufferedAmount() > MAX_SEND_BUFFER_BYTES) return null;
    const { attemptId } = order;
    const answer = new V1Answer(order);
    this.#open.set(attemptId, { answer, sink });
    // −1 is queued and will be sent; only 0 means that the frame is gone.
    if (this.socket.send(encodeCall(attemptId, order.model, payloadFor(order))) === 0) {
      this.#open.delete(attemptId);
      return null;
    }
    return { tally: () => answer.tally(), cancel: () => this.#cancel(attemptId) };
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  /** The peer is gone or does not answer: nothing more will come. */
  drop(): void {
    this.socket.terminate();
  }

  ping(): void {
    this.pingedMs = this.monotonic();
    this.socket.ping();
  }

  heard(): void {
    this.heardMs = this.monotonic();
  }

  /** A message from the socket. */
  receive(message: string | Uint8Array): void {
    this.heard();
    if (this.#isClosed) return;
    const decoded = typeof message === "string"
      ? decode(message)
      : { kind: "malformed" as const, reason: "binary in wire v1" };
    if (decoded.kind === "malformed") return this.#malformed(decoded.reason);
    this.#malformedInARow = 0;
    if (decoded.kind === "frame") this.#take(decoded.frame, decoded.bodyText);
  }

  /** The socket has closed: every open attempt is lost. */
  closed(reason: string): void {
    this.#isClosed = true;
    for (const [attemptId, { sink }] of [...this.#open]) {
      this.#end(attemptId);
      sink.fail({ kind: "lost", reason });
    }
  }

  #take(frame: Frame, bodyText: string): void {
    switch (frame.type) {
      case "REGISTER":
        return this.owner.registered(this, offerOf(frame.data), frame.data.node_id ?? null);
      case "STREAM":
        return this.#stream(frame.data.request_id, frame.data.chunk, bodyText);
      case "FINISH":
        return this.#finish(frame.data.request_id);
      case "ERROR":
        return this.#error(frame.data);
      case "CALL":
        return this.#foreignFrame("CALL");
    }
  }

  #stream(attemptId: string, chunk: unknown, text: string): void {
    const attempt = this.#open.get(attemptId);
    if (attempt === undefined) return this.#unknownAttempt(attemptId, "STREAM");
    if (!attempt.answer.order.stream && attempt.answer.tally().chunks > 0) {
      return this.#fail(attemptId, { kind: "protocol", reason: "more than one answer" });
    }
    attempt.sink.data(attempt.answer.take(chunk, text));
  }

  #finish(attemptId: string): void {
    const attempt = this.#open.get(attemptId);
    if (attempt === undefined) return this.#unknownAttempt(attemptId, "FINISH");
    if (attempt.answer.tally().chunks === 0) {
      return this.#fail(attemptId, { kind: "protocol", reason: "finished without an answer" });
    }
    this.#end(attemptId);
    attempt.sink.finish();
  }

  #error(error: ErrorData): void {
    const attemptId = error.request_id;
    if (attemptId === undefined) {
      return this.owner.noticed(this, "node reports an error", {
        code: error.code,
        detail: error.message.slice(0, 200),
      });
    }
    if (!this.#open.has(attemptId)) return this.#unknownAttempt(attemptId, "ERROR");
    this.#fail(attemptId, { kind: "refused", error });
  }

  #fail(attemptId: string, failure: AttemptFailure): void {
    const attempt = this.#open.get(attemptId);
    this.#end(attemptId);
    attempt?.sink.fail(failure);
  }

  #end(attemptId: string): void {
    this.#open.delete(attemptId);
    this.#ended.add(attemptId);
    if (this.#ended.size <= REMEMBERED_ENDED_ATTEMPTS) return;
    const oldest = this.#ended.values().next().value;
    if (oldest !== undefined) this.#ended.delete(oldest);
  }

  #cancel(attemptId: string): void {
    if (!this.#open.has(attemptId)) return;
    this.socket.send(encodeError({
      request_id: attemptId,
      code: CALLER_GONE,
      message: "Stop this call: its caller is gone",
    }));
  }

  #unknownAttempt(attemptId: string, type: string): void {
    if (!this.#ended.has(attemptId)) this.#foreignFrame(type);
  }

  #foreignFrame(type: string): void {
    this.#foreign++;
    this.owner.noticed(this, "node sent a frame for a call that is not its own", { type });
    if (this.#foreign >= MAX_FOREIGN_FRAMES) {
      this.close(CloseCode.protocol, "Too many frames for calls that are not this node's");
    }
  }

  #malformed(reason: string): void {
    this.#malformedInARow++;
    this.owner.noticed(this, "node sent a malformed frame", { reason });
    this.socket.send(encodeError({ code: 400, message: `Cannot read frame: ${reason}` }));
    if (this.#malformedInARow >= MAX_MALFORMED_IN_A_ROW) {
      this.close(CloseCode.protocol, "Too many malformed frames in a row");
    }
  }
}

function offerOf(data: RegisterData): NodeOffer {
  return {
    name: data.name ?? "node",
    agent: data.agent ?? null,
    maxParallel: data.max_parallel,
    models: [...new Set(data.models)],
  };
}

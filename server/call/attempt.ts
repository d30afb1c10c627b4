/** One try of a call on a leased slot: passes on what the node sends, watches its silences, gives the slot back. */

import { asColinkError, ColinkError } from "../base/error.ts";
import type { Clock } from "../base/clock.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt, Tally } from "../node/attempt.ts";
import type { Lease } from "../schedule/lease.ts";
import type { Timing } from "../schedule/policy/policy.ts";
import { classifyFailure, type UpstreamRejection } from "./classify_failure.ts";

export interface AttemptTimes {
  firstTokenMs: number;
  idleMs: number;
  cancelGraceMs: number;
}

/** How an attempt ended. */
export type AttemptEnd =
  | { is: "finished" }
  | { is: "refused"; refusal: UpstreamRejection }
  | { is: "failed"; error: ColinkError }
  /** The call was stopped from outside. */
  | { is: "stopped"; error: ColinkError };

const NOTHING: Tally = { promptTokens: null, completionTokens: null, estimated: false, chunks: 0 };

const NOTHING_TO_DO = (): void => {};

/** What an attempt must know of its call. */
export interface Stoppable {
  readonly stopped: ColinkError | null;
  onStop(listener: () => void): () => void;
}

/** What an attempt hands on, synchronously. */
export interface AttemptListener {
  head(headers: Readonly<Record<string, string>>): void;
  data(piece: string | Uint8Array): void;
  /** Once, and before the slot is free: whoever gets it next profits from what this attempt has shown. */
  ended(end: AttemptEnd): void;
}

/**
 * Runs one attempt to its end, handing on each piece of the answer as it comes. When the
 * attempt is ended from this side (stopped, too silent), the promise resolves at once, while the
 * slot stays held until the node confirms, its connection closes or the grace period is over: until
 * then the node is still generating.
 */
export class Attempt implements AttemptSink {
  #running: RunningAttempt | null = null;
  #cancelSilence = NOTHING_TO_DO;
  #cancelGrace = NOTHING_TO_DO;
  #startedMs = 0;
  #firstPieceMs: number | null = null;
  #heardMs = 0;
  #hasSpoken = false;
  /** Handed on, and not yet taken by the caller. */
  #heldBytes = 0;
  #isOver = false;
  #end: (end: AttemptEnd) => void = NOTHING_TO_DO;
  readonly #settled: (() => void)[] = [];
  isSettled = false;

  constructor(
    private readonly lease: Lease,
    private readonly order: Order,
    private readonly clock: Clock,
    private readonly times: AttemptTimes,
    private readonly listener: AttemptListener,
  ) {}

  /** Resolves when the node is done with it, or the grace period is over: the tally is final. */
  get settled(): Promise<void> {
    if (this.isSettled) return Promise.resolve();
    return new Promise((resolve) => void this.#settled.push(resolve));
  }

  tally(): Tally {
    return this.#running?.tally() ?? NOTHING;
  }

  /** How long it has taken until now. */
  timing(): Timing {
    const durationMs = this.clock.monotonic() - this.#startedMs;
    const firstTokenMs = this.order.stream && this.#firstPieceMs !== null
      ? this.#firstPieceMs - this.#startedMs
      : null;
    return { firstTokenMs, durationMs, completionTokens: this.tally().completionTokens };
  }

  /** So many bytes have left for the caller. */
  consumed(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#running?.consumed(bytes);
  }

  run(call: Stoppable): Promise<AttemptEnd> {
    return new Promise((resolve) => {
      const unlisten = call.onStop(() => {
        if (call.stopped) this.#abandon({ is: "stopped", error: call.stopped });
      });
      this.#end = (end) => {
        unlisten();
        resolve(end);
      };
      try {
        this.#start();
      } catch (error) {
        this.#ended({ is: "failed", error: asColinkError(error) });
      }
    });
  }

  #start(): void {
    this.#startedMs = this.#heardMs = this.clock.monotonic();
    this.#running = this.lease.node.connection.start(this.order, this);
    if (this.#running === null) {
      const error = new ColinkError("node_busy", "Cannot send the call: the node reads too slowly");
      return this.#ended({ is: "failed", error });
    }
    // A call that does not stream is silent until it is complete; only its deadline limits it.
    if (this.order.stream) this.#watchSilence(this.times.firstTokenMs);
  }

  /** What the node says, as AttemptSink has it. */
  head(headers: Readonly<Record<string, string>>): void {
    if (!this.#isOver) this.listener.head(headers);
  }

  finish(): void {
    this.#ended({ is: "finished" });
  }

  fail(failure: AttemptFailure): void {
    this.#ended(endOf(failure));
  }

  data(piece: string | Uint8Array): void {
    if (this.#isOver) return;
    this.#heardMs = this.clock.monotonic();
    if (!this.#hasSpoken) this.#spoke();
    if (piece.length === 0) return;
    this.#firstPieceMs ??= this.#heardMs;
    this.#heldBytes += piece.length;
    this.listener.data(piece);
  }

  /** From its first word on, the node may be silent for another time than before it. */
  #spoke(): void {
    this.#hasSpoken = true;
    if (!this.order.stream) return;
    this.#cancelSilence();
    this.#watchSilence(this.times.idleMs);
  }

  /** One timer a silence, not one a chunk: when it rings, it looks how long ago the last chunk came. */
  #watchSilence(limitMs: number): void {
    this.#cancelSilence = this.clock.after(limitMs, () => {
      // A node that waits for its caller is not silent; how long it has to is limited elsewhere.
      if (this.#heldBytes > 0) this.#heardMs = this.clock.monotonic();
      const silentMs = this.clock.monotonic() - this.#heardMs;
      const allowedMs = this.#hasSpoken ? this.times.idleMs : this.times.firstTokenMs;
      if (silentMs < allowedMs) return this.#watchSilence(allowedMs - silentMs);
      const error = new ColinkError(
        "node_silent",
        `Cannot answer: the node sent nothing for ${Math.round(allowedMs / 1000)} s; try again`,
      );
      this.#abandon({ is: "failed", error });
    });
  }

  /** The node is done with it, one way or the other. */
  #ended(end: AttemptEnd): void {
    this.#finish(end);
    this.#free();
  }

  /** This side is done with it; the node is told, and the slot waits for its confirmation. */
  #abandon(end: AttemptEnd): void {
    this.#running?.cancel();
    this.#cancelGrace = this.clock.after(this.times.cancelGraceMs, () => {
      this.#running?.forget();
      this.#free();
    });
    this.#finish(end);
  }

  #free(): void {
    this.#cancelGrace();
    this.lease.release();
    this.isSettled = true;
    for (const resolve of this.#settled) resolve();
  }

  #finish(end: AttemptEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelSilence();
    this.listener.ended(end);
    this.#end(end);
  }
}

function endOf(failure: AttemptFailure): AttemptEnd {
  const verdict = classifyFailure(failure);
  return verdict.is === "answer"
    ? { is: "refused", refusal: verdict.refusal }
    : { is: "failed", error: verdict.error };
}

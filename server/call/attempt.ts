/** One try of a call on a leased slot: passes on what the node sends, limits its silences, releases the slot. */

import type { Clock } from "../base/clock.ts";
import type { ColinkError } from "../base/error.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt, Tally } from "../node/attempt.ts";
import { Failure, type FailureDetails, type UpstreamRejection } from "../node/failure.ts";
import type { Evidence } from "../node/blame.ts";
import type { Route } from "../node/audience.ts";
import type { Node } from "../node/node.ts";
import type { Call, StopListener } from "../schedule/call.ts";
import type { Lease } from "../schedule/lease.ts";
import type { Timing } from "../schedule/policy/policy.ts";
import type { AnswerSource } from "../node/kept_answer.ts";
import type { AnswerSink } from "./answer_writer.ts";
import { classifyFailure } from "./classify_failure.ts";

export interface AttemptTimes {
  /** How long a stream's node may be silent before its first sign of work. */
  firstTokenMs: number;
  /** How long it may be silent afterwards. */
  idleMs: number;
  /** How long the slot is held for a node that does not confirm a cancel. */
  cancelGraceMs: number;
}

/** How an attempt ended. */
export type AttemptEnd =
  | { is: "finished" }
  | { is: "rejected"; rejection: UpstreamRejection }
  /** `failure` is null where no attempt was made. */
  | { is: "failed"; error: ColinkError; failure: Failure | null; rejection?: UpstreamRejection }
  /** The call was stopped from outside. */
  | { is: "stopped"; error: ColinkError };

export interface AttemptParts {
  clock: Clock;
  times: AttemptTimes;
  sink: AnswerSink;
  owner: AttemptOwner;
}

/** The call that an attempt is made for. */
export interface AttemptOwner {
  /** Whether another node than this one could take the call at once. */
  hasRoomElsewhere(node: Node): boolean;
  /** Called once, before the slot is released: the next call on it profits from what the attempt has shown. */
  attemptEnded(attempt: Attempt, end: AttemptEnd): void;
}

/** The call, as far as its attempt ends with it. */
type AttemptedCall = Pick<Call, "onStop" | "offStop">;

export const NO_TALLY: Tally = {
  promptTokens: null,
  completionTokens: null,
  estimated: false,
  chunks: 0,
};

/** Asks for near nodes, and says how near the one was that answered. */
export const ROUTE_HEADER = "x-colink-route";

/** How often a call that waits for its node's connection is looked at: another node may have room by then. */
const LOOK_ELSEWHERE_MS = 1_000;

/** How soon a node whose connection is lost is looked at again when its time would be over. */
const MIN_WATCH_MS = 1_000;

const NOTHING = (): void => {};

/**
 * An attempt that this gateway ends (the call is stopped, the node is silent for too long) resolves
 * at once. Its slot stays held until the node confirms, its connection closes or the grace period is
 * over, because the node is still generating.
 */
export class Attempt implements AttemptSink, AnswerSource, StopListener {
  #running: RunningAttempt | null = null;
  #startedMs = 0;
  #firstPieceMs: number | null = null;
  /** When the node last showed that it works, in monotonic milliseconds. */
  #lastSignMs = 0;
  #hasShownWork = false;
  /** Handed to the sink and not yet taken by the caller. */
  #undeliveredBytes = 0;
  /** Of the answer, as they came from the node. */
  #answerBytes = 0;
  #isOver = false;
  /** Since when the node's connection is lost, in monotonic milliseconds; null: it is not. */
  #suspendedMs: number | null = null;
  #cancelLook = NOTHING;
  #cancelSilence = NOTHING;
  #cancelGrace = NOTHING;
  #resolve: (end: AttemptEnd) => void = NOTHING;
  #call: AttemptedCall | null = null;
  #settled: PromiseWithResolvers<void> | null = null;
  #isSettled = false;

  constructor(
    readonly lease: Lease,
    private readonly order: Order,
    private readonly parts: AttemptParts,
  ) {}

  get node(): Node {
    return this.lease.node;
  }

  /** How near the node was to the call's account when the attempt began. */
  get route(): Route {
    return this.lease.route;
  }

  /** When the first piece of the answer came, in monotonic milliseconds; null: none has come. */
  get firstPieceMs(): number | null {
    return this.#firstPieceMs;
  }

  /** Whether the node is done or the grace period is over, so that the tally is final. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Resolves when `isSettled`. */
  get settled(): Promise<void> {
    if (this.#isSettled) return Promise.resolve();
    return (this.#settled ??= Promise.withResolvers()).promise;
  }

  tally(): Tally {
    return this.#running?.tally() ?? NO_TALLY;
  }

  /** Of the answer, as they came from the node. */
  answerBytes(): number {
    return this.#answerBytes;
  }

  /** How long the answer has taken until now. */
  timing(): Timing {
    const durationMs = this.parts.clock.monotonic() - this.#startedMs;
    const firstTokenMs = this.order.stream && this.#firstPieceMs !== null
      ? this.#firstPieceMs - this.#startedMs
      : null;
    const { completionTokens } = this.tally();
    return { firstTokenMs, durationMs, completionTokens, answerBytes: this.#answerBytes };
  }

  run(call: AttemptedCall): Promise<AttemptEnd> {
    const { promise, resolve } = Promise.withResolvers<AttemptEnd>();
    this.#resolve = resolve;
    this.#call = call;
    call.onStop(this);
    try {
      this.#start();
    } catch (error) {
      this.#complete(failed("gateway's own error", { cause: error }));
    }
    return promise;
  }

  callStopped(error: ColinkError): void {
    this.#abandon({ is: "stopped", error });
  }

  #start(): void {
    this.#startedMs = this.#lastSignMs = this.parts.clock.monotonic();
    this.#running = this.node.connection.start(this.order, this);
    if (this.#running === null) {
      return this.#complete(failed("busy", { what: "the node reads too slowly" }));
    }
    this.lease.charge?.begin(this);
    // A call that does not stream is silent until its answer is there; only its deadline limits that.
    if (this.order.stream) this.#watchSilence(this.parts.times.firstTokenMs);
  }

  head(headers: Readonly<Record<string, string>>): void {
    if (this.#isOver) return;
    this.parts.sink.head(this.node, { ...headers, [ROUTE_HEADER]: this.route });
  }

  data(piece: string | Uint8Array): void {
    if (this.#isOver) return;
    this.#lastSignMs = this.parts.clock.monotonic();
    if (!this.#hasShownWork) this.#firstSign();
    if (piece.length === 0) return;
    this.#firstPieceMs ??= this.#lastSignMs;
    this.#undeliveredBytes += piece.length;
    this.#answerBytes += piece.length;
    if (this.parts.sink.data(piece, this)) this.drained();
  }

  /** The caller has taken all pieces so far: the node may send as many bytes again. */
  drained(): void {
    this.#running?.consumed(this.#undeliveredBytes);
    this.#undeliveredBytes = 0;
  }

  finish(): void {
    const flaw = this.parts.sink.flaw?.() ?? null;
    if (flaw !== null) return this.fail(flaw);
    this.#complete({ is: "finished" });
  }

  fail(failure: AttemptFailure): void {
    const failureClass = classifyFailure(failure);
    this.#complete(
      failureClass.is === "rejection"
        ? { is: "rejected", rejection: failureClass.rejection }
        : endOf(failureClass.failure),
    );
  }

  suspended(): void {
    this.#suspendedMs ??= this.parts.clock.monotonic();
    this.#lookElsewhere();
  }

  resumed(): void {
    this.#cancelLook();
    if (this.#suspendedMs === null) return;
    this.#lastSignMs += this.parts.clock.monotonic() - this.#suspendedMs;
    this.#suspendedMs = null;
  }

  /** Nothing of the answer is lost where another node begins it: the call need not wait. */
  #lookElsewhere(): void {
    const { clock, owner } = this.parts;
    if (this.#isOver || this.#hasBegun) return;
    if (owner.hasRoomElsewhere(this.node)) {
      return this.#abandon(failed("busy", { what: "the node's connection is interrupted" }));
    }
    this.#cancelLook = clock.after(LOOK_ELSEWHERE_MS, () => this.#lookElsewhere());
  }

  /** A stream begins when its caller gets a byte; any other answer with its first piece, which mostly is the whole. */
  get #hasBegun(): boolean {
    const { sink } = this.parts;
    return this.#firstPieceMs !== null && (!this.order.stream || sink.hasBegun !== false);
  }

  #firstSign(): void {
    this.#hasShownWork = true;
    this.#cancelSilence();
    this.#watchSilence(this.parts.times.idleMs);
  }

  /** Sets one timer per silence, not per chunk: when it fires, it checks how long ago the last chunk came. */
  #watchSilence(delayMs: number): void {
    const { clock, times } = this.parts;
    this.#cancelSilence = clock.after(delayMs, () => {
      // A node that waits for credit is not silent; the caller's stall is limited elsewhere.
      if (this.#undeliveredBytes > 0) this.#lastSignMs = clock.monotonic();
      // Nor is one whose connection is lost.
      const silentMs = (this.#suspendedMs ?? clock.monotonic()) - this.#lastSignMs;
      const allowedMs = this.#hasShownWork ? times.idleMs : times.firstTokenMs;
      if (silentMs < allowedMs || this.#suspendedMs !== null) {
        return this.#watchSilence(Math.max(allowedMs - silentMs, MIN_WATCH_MS));
      }
      const what = `the node sent nothing for ${Math.round(allowedMs / 1000)} s`;
      this.#abandon(failed("silent", { what }));
    });
  }

  /** The node is done with the attempt. */
  #complete(end: AttemptEnd): void {
    this.#end(end);
    this.#settle();
  }

  /** This gateway is done with the attempt: cancels it and waits for the node's confirmation. */
  #abandon(end: AttemptEnd): void {
    this.#running?.cancel();
    this.#cancelGrace = this.parts.clock.after(this.parts.times.cancelGraceMs, () => {
      this.#running?.forget();
      this.#settle();
    });
    this.#end(end);
  }

  #end(end: AttemptEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (end.is === "failed") this.lease.charge?.waive();
    this.#cancelLook();
    this.#cancelSilence();
    this.parts.owner.attemptEnded(this, end);
    this.#call?.offStop(this);
    this.#resolve(end);
  }

  #settle(): void {
    this.#cancelGrace();
    this.lease.release();
    this.#isSettled = true;
    this.#settled?.resolve();
  }
}

function failed(evidence: Evidence, details: FailureDetails): AttemptEnd {
  return endOf(new Failure(evidence, details));
}

function endOf(failure: Failure): AttemptEnd {
  return { is: "failed", error: failure.error, failure };
}

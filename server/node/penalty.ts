/** The circuit breaker of every node: how long it gets no calls and why, and the call that probes it afterwards. */

import type { Clock } from "../base/clock.ts";
import { Emitter } from "../base/emitter.ts";
import type { ErrorCode } from "../base/error.ts";

/** What a node did wrong. */
export interface Fault {
  /** The model whose calls are kept away; null: all models of the node. */
  model: string | null;
  code: ErrorCode;
  /** For people: shown to every user. */
  reason: string;
  /** The pause that the provider asked for: it takes the place of the first penalty's length. */
  retryAfterMs?: number | null;
  /** The provider is at fault, not the node: each pause is as long as the provider asks. */
  blamesProvider?: boolean;
}

export interface Penalty {
  /** Null: all models of the node. */
  readonly model: string | null;
  readonly code: ErrorCode;
  readonly reason: string;
  /** UTC milliseconds, for people: the penalty itself is measured by a clock that never jumps. */
  readonly until: number;
  /** Faults in a row, without a success between them. */
  readonly faults: number;
  /** Whether its time is over: one call at a time then probes the node, until one succeeds. */
  readonly isOver: boolean;
}

/**
 * A node's state for calls of one model: `clear`; `penalized`, it gets no calls; `probation`, the
 * penalty is over and one call may probe the node; `probing`, that call is running, or the node is paced
 * and takes its next call after a pause.
 */
export type Circuit = "clear" | "probation" | "probing" | "penalized";

export interface PenaltyTimes {
  /** The first penalty; each further fault in a row doubles it. 0: penalties are turned off. */
  penaltyMs: number;
  /** Doubling stops here. */
  penaltyMaxMs: number;
}

interface Entry {
  readonly penalty: Omit<Penalty, "until" | "isOver">;
  /** In the book's time. */
  readonly untilMs: number;
  isOver: boolean;
  /** Whether it takes no call now although its penalty is over: see `pace`. */
  isPausing: boolean;
  /** How often it was paced without a success between; 0: it was penalised. */
  readonly pauses: number;
  isProbing: boolean;
  cancelEnd: () => void;
}

/** The penalties of one node, by model; under null the one for all models. */
type NodePenalties = Map<string | null, Entry>;

/** Pauses that a provider asks for are kept within these: one call then probes it. */
const MIN_RETRY_AFTER_MS = 1_000;
const MAX_RETRY_AFTER_MS = 60 * 60 * 1000;

/** Between the calls of a node that is paced: the first pause; each further one is twice as long. */
const PAUSE_MS = 500;
const MAX_PAUSE_MS = 10_000;

/** Above this, the penalties of the node that was penalised longest ago are dropped. */
const MAX_PENALTIES = 50_000;

/**
 * Penalties are kept by node key, so that reconnecting clears none. A penalty that is over stays on
 * record until a call succeeds: a fault before that makes the next one twice as long.
 */
export class PenaltyBook {
  readonly #byNode = new Map<string, NodePenalties>();
  #size = 0;

  /** A node with this key may have become able to take a call. */
  readonly onRelief = new Emitter<[nodeKey: string]>();
  /** A node was at fault, or its provider limits it, as was seen at any gateway. Calls that fail together are one fault. */
  readonly onFault = new Emitter<[nodeKey: string, code: ErrorCode]>();
  /** The node with this key gets no calls of the model, or none at all, for a while, by a fault seen at any gateway. */
  readonly onBar = new Emitter<[nodeKey: string, model: string | null]>();
  /** This gateway has penalised or cleared a node, which is to be shared with other gateways. */
  readonly onPenalty = new Emitter<[nodeKey: string, penalty: Penalty, remainingMs: number]>();
  readonly onClear = new Emitter<[nodeKey: string, model: string | null]>();

  readonly #startedMs: number;

  constructor(private readonly clock: Clock, private readonly times: PenaltyTimes) {
    this.#startedMs = clock.monotonic();
  }

  /** Milliseconds since the book was made, by a clock that never jumps: the book's time. */
  get nowMs(): number {
    return this.clock.monotonic() - this.#startedMs;
  }

  /** Penalises the node, or one of its models. Returns null if penalties are turned off. */
  penalize(nodeKey: string, fault: Fault): Penalty | null {
    if (this.times.penaltyMs === 0) return null;
    const { model, code, reason } = fault;
    const before = this.#byNode.get(nodeKey)?.get(model);
    // Calls that were running when the first fault came fail, too: they count as one fault.
    const faults = before === undefined || before.pauses > 0
      ? 1
      : before.isOver
      ? before.penalty.faults + 1
      : before.penalty.faults;
    const untilMs = Math.max(
      before?.untilMs ?? 0,
      this.nowMs + this.#lengthMs(fault, faults),
    );
    const penalty = { model, code, reason, faults };
    this.#write(nodeKey, { penalty, untilMs, isOver: false, isPausing: false, pauses: 0 });
    if (isNewFault(before)) this.onFault.emit(nodeKey, code);
    const shown = this.#shown({ penalty, untilMs, isOver: false });
    this.onPenalty.emit(nodeKey, shown, untilMs - this.nowMs);
    return shown;
  }

  /**
   * Lets the model's last node have one call at a time, with a pause before it that grows to 10 s,
   * until a call succeeds. Calls wait meanwhile: the model stays in service.
   */
  pace(nodeKey: string, { model, code, reason }: Fault): void {
    if (this.times.penaltyMs === 0) return;
    const before = this.#byNode.get(nodeKey)?.get(model);
    // Calls that ran side by side fail together.
    if (before !== undefined && (before.isPausing || !before.isOver)) return;
    const pauses = (before?.pauses ?? 0) + 1;
    const pauseMs = Math.min(PAUSE_MS * 2 ** (pauses - 1), MAX_PAUSE_MS);
    const untilMs = this.nowMs + pauseMs;
    const penalty = { model, code, reason, faults: 0 };
    this.#write(nodeKey, { penalty, untilMs, isOver: true, isPausing: true, pauses });
  }

  /** Whether the node has one call of the model at a time because it is the last one: see `pace`. */
  isPaced(nodeKey: string, model: string): boolean {
    return (this.#byNode.get(nodeKey)?.get(model)?.pauses ?? 0) > 0;
  }

  /** Takes over a penalty from another gateway for the time that is left of it, unless a longer one is known. */
  adopt(nodeKey: string, penalty: Omit<Penalty, "until" | "isOver">, remainingMs: number): void {
    if (!(remainingMs > 0)) return;
    const { penaltyMs, penaltyMaxMs } = this.times;
    const longestMs = Math.max(penaltyMs, penaltyMaxMs, MAX_RETRY_AFTER_MS);
    const untilMs = this.nowMs + Math.min(remainingMs, longestMs);
    const before = this.#byNode.get(nodeKey)?.get(penalty.model);
    if (before !== undefined && before.untilMs >= untilMs) return;
    this.#write(nodeKey, { penalty, untilMs, isOver: false, isPausing: false, pauses: 0 });
    if (isNewFault(before)) this.onFault.emit(nodeKey, penalty.code);
  }

  /** A call of another gateway has succeeded on the node: ends its probation. */
  clearRemote(nodeKey: string, model: string | null): void {
    if (!this.#byNode.get(nodeKey)?.get(model)?.isOver) return;
    this.#erase(nodeKey, model);
    this.onRelief.emit(nodeKey);
  }

  /** A call has succeeded: ends the node's probation for all models and for this one. Returns whether there was any. */
  clear(nodeKey: string, model: string): boolean {
    let hasEnded = false;
    for (const scope of [null, model]) {
      if (!this.#byNode.get(nodeKey)?.get(scope)?.isOver) continue;
      this.#erase(nodeKey, scope);
      this.onClear.emit(nodeKey, scope);
      hasEnded = true;
    }
    return hasEnded;
  }

  circuit(nodeKey: string, model: string): Circuit {
    if (this.#byNode.size === 0) return "clear";
    const byModel = this.#byNode.get(nodeKey);
    if (byModel === undefined) return "clear";
    const [all, one] = [circuitOf(byModel.get(null)), circuitOf(byModel.get(model))];
    return severity[all] > severity[one] ? all : one;
  }

  /** Begins the one call that probes a node on probation. Returns what ends the probe. */
  beginProbe(nodeKey: string, model: string): () => void {
    const byModel = this.#byNode.get(nodeKey);
    const probed = [byModel?.get(null), byModel?.get(model)].filter((entry) => entry !== undefined);
    for (const entry of probed) entry.isProbing = true;
    return () => {
      for (const entry of probed) entry.isProbing = false;
    };
  }

  /** When the node takes calls of the model again, in the book's own time; 0: it takes them now. */
  opensAtMs(nodeKey: string, model: string): number {
    const byModel = this.#byNode.get(nodeKey);
    const ends = [byModel?.get(null), byModel?.get(model)].map((entry) =>
      entry === undefined || entry.isOver ? 0 : entry.untilMs
    );
    return Math.max(...ends);
  }

  /** As `opensAtMs`, in UTC milliseconds. */
  until(nodeKey: string, model: string): number {
    const opensAtMs = this.opensAtMs(nodeKey, model);
    return opensAtMs === 0 ? 0 : this.#utc(opensAtMs);
  }

  /** All penalties of the node, including those that are over and wait for a success. */
  of(nodeKey: string): readonly Penalty[] {
    return [...this.#byNode.get(nodeKey)?.values() ?? []].map((entry) => this.#shown(entry));
  }

  #lengthMs({ retryAfterMs, blamesProvider }: Fault, faults: number): number {
    const { penaltyMs, penaltyMaxMs } = this.times;
    const askedMs = retryAfterMs
      ? Math.min(Math.max(retryAfterMs, MIN_RETRY_AFTER_MS), MAX_RETRY_AFTER_MS)
      : null;
    if (blamesProvider && askedMs !== null) return askedMs;
    const firstMs = askedMs ?? penaltyMs;
    return Math.min(firstMs * 2 ** (faults - 1), Math.max(firstMs, penaltyMaxMs));
  }

  #shown({ penalty, untilMs, isOver }: Pick<Entry, "penalty" | "untilMs" | "isOver">): Penalty {
    return { ...penalty, until: this.#utc(untilMs), isOver };
  }

  #utc(ownMs: number): number {
    return Math.round(this.clock.now() + ownMs - this.nowMs);
  }

  #write(nodeKey: string, state: Omit<Entry, "isProbing" | "cancelEnd">): void {
    const { penalty: { model }, untilMs } = state;
    this.#erase(nodeKey, model);
    // The map is in the order of the last penalty, so that the oldest is found at its front.
    const byModel: NodePenalties = this.#byNode.get(nodeKey) ?? new Map();
    this.#byNode.delete(nodeKey);
    this.#byNode.set(nodeKey, byModel);
    // The timer alone ends a penalty: comparing times would miss a timer that fires a little early.
    const cancelEnd = this.clock.after(untilMs - this.nowMs, () => {
      entry.isOver = true;
      entry.isPausing = false;
      this.onRelief.emit(nodeKey);
    });
    const entry: Entry = { ...state, isProbing: false, cancelEnd };
    byModel.set(model, entry);
    this.#size++;
    if (this.#size > MAX_PENALTIES) this.#forgetOldest();
    if (!state.isOver) this.onBar.emit(nodeKey, model);
  }

  #erase(nodeKey: string, model: string | null): void {
    const byModel = this.#byNode.get(nodeKey);
    const entry = byModel?.get(model);
    if (byModel === undefined || entry === undefined) return;
    entry.cancelEnd();
    byModel.delete(model);
    this.#size--;
    if (byModel.size === 0) this.#byNode.delete(nodeKey);
  }

  #forgetOldest(): void {
    const [oldest] = this.#byNode;
    if (oldest === undefined) return;
    const [nodeKey, byModel] = oldest;
    for (const model of [...byModel.keys()]) this.#erase(nodeKey, model);
    this.onRelief.emit(nodeKey);
  }
}

/** Calls that were running when the first fault came fail, too. */
function isNewFault(before: Entry | undefined): boolean {
  return before === undefined || before.isOver;
}

const severity: Readonly<{ [C in Circuit]: number }> = {
  "clear": 0,
  "probation": 1,
  "probing": 2,
  "penalized": 3,
};

function circuitOf(entry: Entry | undefined): Circuit {
  if (entry === undefined) return "clear";
  if (!entry.isOver) return "penalized";
  return entry.isProbing || entry.isPausing ? "probing" : "probation";
}

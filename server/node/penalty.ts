/** The circuit of every node: how long it gets no calls and why, and the call that probes it afterwards. */

import type { Clock } from "../base/clock.ts";
import type { ErrorCode } from "../base/error.ts";

/** What a node did wrong. */
export interface Fault {
  /** The model whose calls it costs; null: all models of the node. */
  model: string | null;
  /** What happened, as one of our codes. */
  code: ErrorCode;
  /** What happened, in words that anyone may read. */
  reason: string;
  /** The provider asked for so much patience. */
  retryAfterMs?: number | null;
}

export interface Penalty {
  /** Null: it counts for all models of the node. */
  readonly model: string | null;
  readonly code: ErrorCode;
  readonly reason: string;
  /** UTC milliseconds. */
  readonly until: number;
  /** Faults in a row, without a success between them. */
  readonly faults: number;
  /** Whether its time is over: then one call at a time is let through, until one succeeds. */
  readonly isOver: boolean;
}

/**
 * How a node stands towards calls of one model: `clear`, or `penalized` (no calls), or its time is
 * over and one call may probe it (`probation`), or that call is running (`probing`).
 */
export type Circuit = "clear" | "probation" | "probing" | "penalized";

export interface PenaltyTimes {
  /** The first penalty; 0: nobody is ever penalised. Each further fault in a row doubles it. */
  penaltyMs: number;
  /** No doubling goes beyond this. */
  penaltyMaxMs: number;
}

interface Entry {
  penalty: Penalty;
  isProbing: boolean;
  cancelEnd: () => void;
}

/** What stands against one node, by model; under null what counts for all of them. */
type Sheet = Map<string | null, Entry>;

/** A provider that asks for more patience than this is asked again after it, by one call. */
const MAX_RETRY_AFTER_MS = 60 * 60 * 1000;

/** More penalties than this are never remembered; those of the node penalised longest ago go first. */
const MAX_PENALTIES = 50_000;

/**
 * Kept by the node's private identity, so that reconnecting clears nothing. A penalty whose time is
 * over stays until a call succeeds; the next fault then weighs twice as much.
 */
export class PenaltyBook {
  readonly #sheets = new Map<string, Sheet>();
  #size = 0;

  /** Called when a node of this identity may have become able to take a call. */
  onRelief: (identity: string) => void = () => {};
  /** Called with what this gateway has found out: others should know. */
  onPunished: (identity: string, penalty: Penalty) => void = () => {};
  onAbsolved: (identity: string, model: string | null) => void = () => {};

  constructor(private readonly clock: Clock, private readonly times: PenaltyTimes) {}

  /** Keeps calls away from the node, or from one of its models. Null where penalties are turned off. */
  penalize(identity: string, { model, code, reason, retryAfterMs }: Fault): Penalty | null {
    const { penaltyMs, penaltyMaxMs } = this.times;
    if (penaltyMs === 0) return null;
    const before = this.#sheets.get(identity)?.get(model)?.penalty;
    // What else was running when the first fault came fails with it: that is still one fault.
    const faults = before === undefined ? 1 : before.isOver ? before.faults + 1 : before.faults;
    const lengthMs = Math.max(
      Math.min(penaltyMs * 2 ** (faults - 1), Math.max(penaltyMs, penaltyMaxMs)),
      Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS),
    );
    const until = Math.max(before?.until ?? 0, this.clock.now() + lengthMs);
    const penalty = { model, code, reason, until, faults, isOver: false };
    this.#write(identity, penalty);
    this.onPunished(identity, penalty);
    return penalty;
  }

  /** Another gateway has penalised the node; the longer of two penalties stands. */
  adopt(identity: string, penalty: Omit<Penalty, "isOver">): void {
    const before = this.#sheets.get(identity)?.get(penalty.model)?.penalty;
    const isKnown = before !== undefined && before.until >= penalty.until;
    if (!isKnown && penalty.until > this.clock.now()) {
      this.#write(identity, { ...penalty, isOver: false });
    }
  }

  /** A call of another gateway has succeeded on the node. */
  clearRemote(identity: string, model: string | null): void {
    if (!this.#sheets.get(identity)?.get(model)?.penalty.isOver) return;
    this.#erase(identity, model);
    this.onRelief(identity);
  }

  /** A call has succeeded: ends the node's probation, for all of its models and for this one. */
  clear(identity: string, model: string): boolean {
    let isAnyEnded = false;
    for (const scope of [null, model]) {
      if (!this.#sheets.get(identity)?.get(scope)?.penalty.isOver) continue;
      this.#erase(identity, scope);
      this.onAbsolved(identity, scope);
      isAnyEnded = true;
    }
    return isAnyEnded;
  }

  circuit(identity: string, model: string): Circuit {
    const sheet = this.#sheets.get(identity);
    if (sheet === undefined) return "clear";
    const [all, one] = [circuitOf(sheet.get(null)), circuitOf(sheet.get(model))];
    return severity[all] > severity[one] ? all : one;
  }

  /** Begins the one call that probes a node on probation. Returns what ends the probe. */
  beginProbe(identity: string, model: string): () => void {
    const sheet = this.#sheets.get(identity);
    const tried = [sheet?.get(null), sheet?.get(model)].filter((entry) => entry !== undefined);
    for (const entry of tried) entry.isProbing = true;
    return () => {
      for (const entry of tried) entry.isProbing = false;
    };
  }

  /** UTC milliseconds until which calls of the model are kept away; 0 where they are not. */
  until(identity: string, model: string): number {
    const sheet = this.#sheets.get(identity);
    const ends = [sheet?.get(null), sheet?.get(model)].map((entry) =>
      entry === undefined || entry.penalty.isOver ? 0 : entry.penalty.until
    );
    return Math.max(...ends);
  }

  /** All that stands against the node, also what is over and waits for a success. */
  of(identity: string): readonly Penalty[] {
    return [...this.#sheets.get(identity)?.values() ?? []].map(({ penalty }) => penalty);
  }

  #write(identity: string, penalty: Penalty): void {
    const { model, until } = penalty;
    this.#erase(identity, model);
    // LruCache last: those at the front are forgotten first.
    const sheet: Sheet = this.#sheets.get(identity) ?? new Map();
    this.#sheets.delete(identity);
    this.#sheets.set(identity, sheet);
    // The timer ends it, not a look at the clock: one that rings a little early would be missed.
    const cancelEnd = this.clock.after(until - this.clock.now(), () => {
      entry.penalty = { ...penalty, isOver: true };
      this.onRelief(identity);
    });
    const entry: Entry = { penalty, isProbing: false, cancelEnd };
    sheet.set(model, entry);
    this.#size++;
    if (this.#size > MAX_PENALTIES) this.#forgetOldest();
  }

  #erase(identity: string, model: string | null): void {
    const sheet = this.#sheets.get(identity);
    const entry = sheet?.get(model);
    if (sheet === undefined || entry === undefined) return;
    entry.cancelEnd();
    sheet.delete(model);
    this.#size--;
    if (sheet.size === 0) this.#sheets.delete(identity);
  }

  #forgetOldest(): void {
    const [oldest] = this.#sheets;
    if (oldest === undefined) return;
    const [identity, sheet] = oldest;
    for (const model of [...sheet.keys()]) this.#erase(identity, model);
    this.onRelief(identity);
  }
}

const severity: Readonly<{ [C in Circuit]: number }> = {
  "clear": 0,
  "probation": 1,
  "probing": 2,
  "penalized": 3,
};

function circuitOf(entry: Entry | undefined): Circuit {
  if (entry === undefined) return "clear";
  if (!entry.penalty.isOver) return "penalized";
  return entry.isProbing ? "probing" : "probation";
}

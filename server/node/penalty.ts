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
  /** The pause that the provider asked for. */
  retryAfterMs?: number | null;
}

export interface Penalty {
  /** Null: all models of the node. */
  readonly model: string | null;
  readonly code: ErrorCode;
  readonly reason: string;
  /** UTC milliseconds. */
  readonly until: number;
  /** Faults in a row, without a success between them. */
  readonly faults: number;
  /** Whether its time is over: one call at a time then probes the node, until one succeeds. */
  readonly isOver: boolean;
}

/**
 * A node's state for calls of one model: `clear`; `penalized`, it gets no calls; `probation`, the
 * penalty is over and one call may probe the node; `probing`, that call is running.
 */
export type Circuit = "clear" | "probation" | "probing" | "penalized";

export interface PenaltyTimes {
  /** The first penalty; each further fault in a row doubles it. 0: penalties are turned off. */
  penaltyMs: number;
  /** Doubling stops here. */
  penaltyMaxMs: number;
}

interface Entry {
  penalty: Penalty;
  isProbing: boolean;
  cancelEnd: () => void;
}

/** The penalties of one node, by model; under null the one for all models. */
type Sheet = Map<string | null, Entry>;

/** Longer pauses that a provider asks for are cut to this: one call then probes it. */
const MAX_RETRY_AFTER_MS = 60 * 60 * 1000;

/** Above this, the penalties of the node that was penalised longest ago are dropped. */
const MAX_PENALTIES = 50_000;

/**
 * Penalties are kept by node key, so that reconnecting clears none. A penalty that is over stays on
 * record until a call succeeds: a fault before that makes the next one twice as long.
 */
export class PenaltyBook {
  readonly #sheets = new Map<string, Sheet>();
  #size = 0;

  /** A node with this key may have become able to take a call. */
  readonly onRelief = new Emitter<[nodeKey: string]>();
  /** This gateway has penalised a node, or cleared it: other gateways should know. */
  readonly onPenalty = new Emitter<[nodeKey: string, penalty: Penalty]>();
  readonly onClear = new Emitter<[nodeKey: string, model: string | null]>();

  constructor(private readonly clock: Clock, private readonly times: PenaltyTimes) {}

  /** Penalises the node, or one of its models. Returns null if penalties are turned off. */
  penalize(nodeKey: string, { model, code, reason, retryAfterMs }: Fault): Penalty | null {
    const { penaltyMs, penaltyMaxMs } = this.times;
    if (penaltyMs === 0) return null;
    const before = this.#sheets.get(nodeKey)?.get(model)?.penalty;
    // Calls that were running when the first fault came fail, too: they count as one fault.
    const faults = before === undefined ? 1 : before.isOver ? before.faults + 1 : before.faults;
    const lengthMs = Math.max(
      Math.min(penaltyMs * 2 ** (faults - 1), Math.max(penaltyMs, penaltyMaxMs)),
      Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS),
    );
    const until = Math.max(before?.until ?? 0, this.clock.now() + lengthMs);
    const penalty = { model, code, reason, until, faults, isOver: false };
    this.#write(nodeKey, penalty);
    this.onPenalty.emit(nodeKey, penalty);
    return penalty;
  }

  /** Takes over a penalty from another gateway, unless a longer one is known. */
  adopt(nodeKey: string, penalty: Omit<Penalty, "isOver">): void {
    const before = this.#sheets.get(nodeKey)?.get(penalty.model)?.penalty;
    const isKnown = before !== undefined && before.until >= penalty.until;
    if (!isKnown && penalty.until > this.clock.now()) {
      this.#write(nodeKey, { ...penalty, isOver: false });
    }
  }

  /** A call of another gateway has succeeded on the node: ends its probation. */
  clearRemote(nodeKey: string, model: string | null): void {
    if (!this.#sheets.get(nodeKey)?.get(model)?.penalty.isOver) return;
    this.#erase(nodeKey, model);
    this.onRelief.emit(nodeKey);
  }

  /** A call has succeeded: ends the node's probation for all models and for this one. Returns whether there was any. */
  clear(nodeKey: string, model: string): boolean {
    let hasEnded = false;
    for (const scope of [null, model]) {
      if (!this.#sheets.get(nodeKey)?.get(scope)?.penalty.isOver) continue;
      this.#erase(nodeKey, scope);
      this.onClear.emit(nodeKey, scope);
      hasEnded = true;
    }
    return hasEnded;
  }

  circuit(nodeKey: string, model: string): Circuit {
    const sheet = this.#sheets.get(nodeKey);
    if (sheet === undefined) return "clear";
    const [all, one] = [circuitOf(sheet.get(null)), circuitOf(sheet.get(model))];
    return severity[all] > severity[one] ? all : one;
  }

  /** Begins the one call that probes a node on probation. Returns what ends the probe. */
  beginProbe(nodeKey: string, model: string): () => void {
    const sheet = this.#sheets.get(nodeKey);
    const probed = [sheet?.get(null), sheet?.get(model)].filter((entry) => entry !== undefined);
    for (const entry of probed) entry.isProbing = true;
    return () => {
      for (const entry of probed) entry.isProbing = false;
    };
  }

  /** When the node takes calls of the model again, in UTC milliseconds; 0: it takes them now. */
  until(nodeKey: string, model: string): number {
    const sheet = this.#sheets.get(nodeKey);
    const ends = [sheet?.get(null), sheet?.get(model)].map((entry) =>
      entry === undefined || entry.penalty.isOver ? 0 : entry.penalty.until
    );
    return Math.max(...ends);
  }

  /** All penalties of the node, including those that are over and wait for a success. */
  of(nodeKey: string): readonly Penalty[] {
    return [...this.#sheets.get(nodeKey)?.values() ?? []].map(({ penalty }) => penalty);
  }

  #write(nodeKey: string, penalty: Penalty): void {
    const { model, until } = penalty;
    this.#erase(nodeKey, model);
    // The map is in the order of the last penalty, so that the oldest is found at its front.
    const sheet: Sheet = this.#sheets.get(nodeKey) ?? new Map();
    this.#sheets.delete(nodeKey);
    this.#sheets.set(nodeKey, sheet);
    // The timer alone ends a penalty: comparing times would miss a timer that fires a little early.
    const cancelEnd = this.clock.after(until - this.clock.now(), () => {
      entry.penalty = { ...penalty, isOver: true };
      this.onRelief.emit(nodeKey);
    });
    const entry: Entry = { penalty, isProbing: false, cancelEnd };
    sheet.set(model, entry);
    this.#size++;
    if (this.#size > MAX_PENALTIES) this.#forgetOldest();
  }

  #erase(nodeKey: string, model: string | null): void {
    const sheet = this.#sheets.get(nodeKey);
    const entry = sheet?.get(model);
    if (sheet === undefined || entry === undefined) return;
    entry.cancelEnd();
    sheet.delete(model);
    this.#size--;
    if (sheet.size === 0) this.#sheets.delete(nodeKey);
  }

  #forgetOldest(): void {
    const [oldest] = this.#sheets;
    if (oldest === undefined) return;
    const [nodeKey, sheet] = oldest;
    for (const model of [...sheet.keys()]) this.#erase(nodeKey, model);
    this.onRelief.emit(nodeKey);
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

/** What was used of an owner's allowances: tokens of the day, calls of the last hour. */

import { nextMidnight, type ToLocal } from "./calendar.ts";
import type { Used } from "./condition.ts";

const HOUR_MS = 60 * 60_000;

/** What outlasts a restart of the node. */
export interface KeptUsage {
  /** When it was kept, in UTC milliseconds: tokens of another day do not count. */
  atMs: number;
  tokens: Record<string, number>;
}

/** The scope of everything that the node serves. */
export const WHOLE_NODE = "";

/** A day of the machine's calendar, in UTC milliseconds. */
interface Day {
  /** Of the month. */
  date: number;
  /** The first moment that is known to be of this day. */
  fromMs: number;
  endsMs: number;
}

/** A wrong clock that is set right shows another day for a while. */
const MAX_DAYS = 2;

export class Usage {
  #day: Day | null = null;
  /** By scope. */
  #tokens = new Map<string, number>();
  /** The tokens of the days that the clock showed last, by the day's end. */
  readonly #days = new Map<number, Map<string, number>>();
  /** When the calls of the last hour began, in UTC milliseconds, oldest first, in scopes that limit them. */
  readonly #calls = new Map<string, number[]>();

  constructor(
    private readonly world: { todayMs(): number; toLocal: ToLocal },
    kept: KeptUsage | null = null,
  ) {
    if (kept === null) return;
    this.#turnDay(kept.atMs);
    for (const [scope, tokens] of Object.entries(kept.tokens)) this.#tokens.set(scope, tokens);
  }

  /** The scopes whose calls are limited; those of others are not kept. */
  limitCalls(scopes: readonly string[]): void {
    for (const scope of [...this.#calls.keys()]) {
      if (!scopes.includes(scope)) this.#calls.delete(scope);
    }
    for (const scope of scopes) this.#calls.set(scope, this.#calls.get(scope) ?? []);
  }

  /** A call begins in these scopes, one inside the other. */
  began(scopes: readonly string[]): void {
    const nowMs = this.world.todayMs();
    for (const scope of scopes) this.#calls.get(scope)?.push(nowMs);
  }

  ended(scopes: readonly string[], tokens: number): void {
    this.#turnDay(this.world.todayMs());
    for (const scope of scopes) this.#tokens.set(scope, (this.#tokens.get(scope) ?? 0) + tokens);
  }

  of(scope: string): Used {
    const nowMs = this.world.todayMs();
    const day = this.#turnDay(nowMs);
    const calls = this.#recent(scope, nowMs);
    return {
      tokensToday: this.#tokens.get(scope) ?? 0,
      callsThisHour: calls.length,
      dayEndsMs: day.endsMs,
      hourEndsMs: (calls[0] ?? nowMs) + HOUR_MS,
    };
  }

  get kept(): KeptUsage {
    const atMs = this.world.todayMs();
    this.#turnDay(atMs);
    return { atMs, tokens: Object.fromEntries(this.#tokens) };
  }

  #turnDay(nowMs: number): Day {
    const { toLocal } = this.world;
    const { date } = toLocal(nowMs);
    // Both ends are checked too: a clock that was set back or forth may show the same date of another month.
    const isSame = this.#day?.date === date && nowMs >= this.#day.fromMs &&
      nowMs < this.#day.endsMs;
    if (isSame) return this.#day!;
    const endsMs = nextMidnight(nowMs, toLocal);
    this.#tokens = this.#days.get(endsMs) ?? new Map();
    this.#days.delete(endsMs);
    this.#days.set(endsMs, this.#tokens);
    for (const [oldest] of this.#days) {
      if (this.#days.size > MAX_DAYS) this.#days.delete(oldest);
    }
    return this.#day = { date, fromMs: nowMs, endsMs };
  }

  /** The calls of the last hour. Those that a clock which was set back shows ahead are forgotten. */
  #recent(scope: string, nowMs: number): readonly number[] {
    const calls = this.#calls.get(scope) ?? [];
    while (calls.length > 0 && calls[0]! <= nowMs - HOUR_MS) calls.shift();
    while (calls.length > 0 && calls.at(-1)! > nowMs) calls.pop();
    return calls;
  }
}

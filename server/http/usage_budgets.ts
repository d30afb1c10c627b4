/** Budgets of keys, accounts and groups: which calls may begin, and what each has used at its end. */

import type { Budget, BudgetUse, GroupBudget } from "../../api/mod.ts";
import { type Clock, DAY_MS, MINUTE_MS } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import { LruCache } from "../base/lru.ts";
import type { Meter, MeterBook, Opening } from "../limit/limiter.ts";
import type { Groups } from "../account/groups.ts";
import type { Key } from "../account/keyring.ts";

/** What a budget looks at before a call. */
export interface Demand {
  callId: string;
  /** The most tokens that the call asks for; null: it does not say; undefined: its endpoint writes none. */
  maxTokens: number | null | undefined;
  /** The member in which its endpoint takes that number. */
  limitName: string;
}

/** What the ledger knows of a call that has ended. */
export interface CallUsage {
  accountId: string;
  providerAccountId: string | null;
  promptTokens: number | null;
  completionTokens: number | null;
  status: number;
}

/** What is left of the tightest budget of a kind. */
export interface Remaining {
  limit: number;
  remaining: number;
  resetMs: number;
}

/** A call that budgets let begin. */
export interface Admission {
  requests: Remaining | null;
  tokens: Remaining | null;
  /** Counts what the call used; null: it came to nothing. Further calls do nothing. */
  close(usage: CallUsage | null): void;
}

export interface UsageBudgetsOptions {
  meters: MeterBook;
  groups: Pick<Groups, "budgetsOf">;
  clock: Pick<Clock, "now">;
  /** The longest that a call can run. */
  deadlineMs: number;
  /** Where counters are lost with the process: what was used before it began. */
  earlier?: EarlierUse;
}

/** What the ledger has of the time before this process. */
export interface EarlierUse {
  /** When this process began to count. */
  until: number;
  /** The tokens that count for the budget. */
  tokens(holder: { of: BudgetUse["of"]; id: string }, from: number, to: number): Promise<number>;
  /** Adds to what a meter has counted. */
  add(meter: string, tokens: number): void;
}

/** Whose budget it is: a name for its meters, and words for its caller. */
interface Holder {
  id: string;
  words: string;
  budget: GroupBudget;
}

/** A budget to be looked at. */
export interface BudgetHolder {
  of: BudgetUse["of"];
  /** The id of its meters: a key's family, an account or a group. */
  id: string;
  /** The id under which people know it. */
  shownId: string;
  name: string | null;
  budget: GroupBudget;
}

interface BudgetMeter extends Meter {
  /** The budget's member, such as `tokens_per_day`. */
  member: BudgetUse["limits"][number]["name"];
  holder: Holder;
  /** Of a day or a month: when it began. */
  startsAt: number | null;
}

/** As many as are counted in memory. */
const MAX_METERS = 200_000;
/** When a caller tries again whose calls are all running: it is unknown when one ends. */
const RETRY_CALLS_MS = 1000;

export class UsageBudgets {
  /** Meters of days and months that what was used before this process was added to, or is. */
  readonly #earlier = new LruCache<string, Promise<void> | true>(MAX_METERS);

  constructor(private readonly options: UsageBudgetsOptions) {}

  /**
   * Takes the call into every budget of its key, its account and its account's groups, or into none.
   * Null: no budget counts it. Throws `budget_exceeded` and `invalid_request`.
   */
  admit(key: Key, demand: () => Demand): Admission | null | Promise<Admission> {
    const groups = this.options.groups.budgetsOf(key.accountId);
    if (key.budget === null && key.accountBudget === null && groups === undefined) return null;
    const holders = holdersOf(key, groups);
    const asked = demand();
    for (const holder of holders) expectAllowed(holder, asked);
    const now = this.options.clock.now();
    const meters = holders.flatMap((holder) => metersOf(holder, now, this.options.deadlineMs));
    if (meters.length === 0) return null;
    const completed = this.#completed(meters);
    return completed === null
      ? this.#open(meters, asked, now)
      : completed.then(() => this.#open(meters, asked, now));
  }

  #open(
    meters: readonly BudgetMeter[],
    asked: Demand,
    now: number,
  ): Admission | Promise<Admission> {
    const opening = this.options.meters.open(meters, asked.callId);
    return opening instanceof Promise
      ? opening.then((known) => this.#admission(meters, known, asked, now))
      : this.#admission(meters, opening, asked, now);
  }

  /** Adds to meters what was used before this process began. Null: that is done. */
  #completed(meters: readonly BudgetMeter[]): Promise<void> | null {
    const { earlier } = this.options;
    if (earlier === undefined) return null;
    const pending: Promise<void>[] = [];
    for (const meter of meters) {
      if (meter.startsAt === null || meter.startsAt >= earlier.until) continue;
      let state = this.#earlier.get(meter.name);
      if (state === undefined) {
        state = this.#addEarlier(meter, meter.startsAt, earlier);
        this.#earlier.set(meter.name, state);
      }
      if (state !== true) pending.push(state);
    }
    return pending.length === 0 ? null : Promise.all(pending).then(() => {});
  }

  /** While the ledger cannot be read, calls go on, and the next one tries it again. */
  async #addEarlier(
    { name, holder }: BudgetMeter,
    from: number,
    { until, tokens, add }: EarlierUse,
  ): Promise<void> {
    try {
      const at = holder.id.indexOf(":");
      const of = holder.id.slice(0, at) as BudgetUse["of"];
      add(name, await tokens({ of, id: holder.id.slice(at + 1) }, from, until));
      this.#earlier.set(name, true);
    } catch {
      this.#earlier.delete(name);
    }
  }

  /** What of these budgets is used now. */
  async uses(holders: readonly BudgetHolder[]): Promise<BudgetUse[]> {
    const now = this.options.clock.now();
    const metersBy = holders.map(({ of, id, budget }) =>
      metersOf({ id: `${of}:${id}`, words: "", budget }, now, this.options.deadlineMs)
    );
    const all = metersBy.flat();
    await this.#completed(all);
    const counted = all.length === 0 ? [] : await this.options.meters.read(all);
    const usedOf = new Map(all.map((meter, at) => [meter, counted[at] ?? 0]));
    return holders.map(({ budget, shownId, name, ...holder }, at) => ({
      of: holder.of,
      id: shownId,
      name,
      limits: metersBy[at]!.map((meter) => ({
        name: meter.member,
        used: usedOf.get(meter)!,
        limit: meter.limit,
        opens_at: meter.kind === "calls" ? null : meter.endsAt,
      })),
      max_tokens: budget.max_tokens ?? null,
      models: budget.models ?? null,
    }));
  }

  #admission(
    meters: readonly BudgetMeter[],
    { full, used }: Opening,
    { callId }: Demand,
    now: number,
  ): Admission {
    if (full !== null) throw exceeded(meters[full]!, now);
    let isOpen = true;
    return {
      requests: tightest("requests", meters, used, now),
      tokens: tightest("tokens", meters, used, now),
      close: (usage) => {
        if (!isOpen) return;
        isOpen = false;
        this.options.meters.close(meters, callId, spentBy(usage));
      },
    };
  }
}

function holdersOf(
  { family, accountId, budget, accountBudget }: Key,
  groups: ReturnType<Groups["budgetsOf"]>,
): Holder[] {
  const holders: Holder[] = [];
  if (budget !== null) holders.push({ id: `key:${family}`, words: "this key", budget });
  if (accountBudget !== null) {
    holders.push({ id: `account:${accountId}`, words: "this account", budget: accountBudget });
  }
  for (const group of groups ?? []) {
    if (group.budget === null) continue;
    const words = `the group "${group.name}"`;
    holders.push({ id: `group:${group.id}`, words, budget: group.budget });
  }
  return holders;
}

function expectAllowed({ words, budget }: Holder, { maxTokens, limitName }: Demand): void {
  const most = budget.max_tokens;
  if (most === undefined || maxTokens === undefined) return;
  if (maxTokens !== null && maxTokens <= most) return;
  throw new ColinkError(
    "invalid_request",
    `Cannot call: ${words} may ask for ${most} tokens at most, and the call ${
      maxTokens === null ? "names no limit" : `asks for ${maxTokens}`
    }; send ${limitName} of ${most} or less`,
    { param: limitName },
  );
}

/** The times of UTC in which each member counts. */
const periods = {
  requests_per_minute: { kind: "requests", period: minuteOf },
  tokens_per_minute: { kind: "tokens", period: minuteOf },
  tokens_per_day: { kind: "tokens", period: dayOf },
  tokens_per_month: { kind: "tokens", period: monthOf },
} as const satisfies Partial<Record<keyof GroupBudget, object>>;

const periodsByMember = Object.entries(periods) as [
  keyof typeof periods,
  (typeof periods)[keyof typeof periods],
][];

function metersOf(holder: Holder, now: number, deadlineMs: number): BudgetMeter[] {
  const meters: BudgetMeter[] = [];
  for (const [member, { kind, period }] of periodsByMember) {
    const limit = holder.budget[member];
    if (limit === undefined) continue;
    const { name, startsAt = null, endsAt } = period(now);
    const meter = { kind, limit, startsAt, endsAt, member, holder };
    meters.push({ name: `${holder.id}:${kind}:${name}`, ...meter });
  }
  const limit = (holder.budget satisfies Budget).calls_at_once;
  if (limit !== undefined) {
    const [member, kind, endsAt] = ["calls_at_once", "calls", now + deadlineMs] as const;
    const meter = { kind, limit, startsAt: null, endsAt, member, holder };
    meters.push({ name: `${holder.id}:calls`, ...meter });
  }
  return meters;
}

interface Period {
  name: string;
  /** UTC milliseconds. Absent: so short that what was used of it before a restart does not count. */
  startsAt?: number;
  endsAt: number;
}

function minuteOf(now: number): Period {
  const minute = Math.floor(now / MINUTE_MS);
  return { name: `minute:${minute}`, endsAt: (minute + 1) * MINUTE_MS };
}

function dayOf(now: number): Period {
  const day = Math.floor(now / DAY_MS);
  return { name: `day:${day}`, startsAt: day * DAY_MS, endsAt: (day + 1) * DAY_MS };
}

function monthOf(now: number): Period {
  const date = new Date(now);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const [startsAt, endsAt] = [Date.UTC(year, month), Date.UTC(year, month + 1)];
  return { name: `month:${year}-${month + 1}`, startsAt, endsAt };
}

function exceeded({ holder, member, kind, limit, endsAt }: BudgetMeter, now: number): ColinkError {
  const isCalls = kind === "calls";
  const opens = isCalls
    ? "try again when one of its calls has ended"
    : `it opens again at ${new Date(endsAt).toISOString().replace(".000", "")}`;
  return new ColinkError(
    "budget_exceeded",
    `Cannot call: the budget ${member} of ${holder.words}, ${limit}, is used up; ${opens}`,
    { retryAfterMs: isCalls ? RETRY_CALLS_MS : endsAt - now },
  );
}

/** Calls on the account's own nodes cost nothing, and a refused one is no request. */
function spentBy(usage: CallUsage | null) {
  const isFree = usage === null || usage.status === 404 ||
    usage.providerAccountId === usage.accountId;
  const tokens = (usage?.promptTokens ?? 0) + (usage?.completionTokens ?? 0);
  return { tokens, isFree };
}

function tightest(
  kind: Meter["kind"],
  meters: readonly BudgetMeter[],
  used: readonly number[],
  now: number,
): Remaining | null {
  let found: Remaining | null = null;
  for (const [at, meter] of meters.entries()) {
    if (meter.kind !== kind) continue;
    const remaining = Math.max(0, meter.limit - used[at]!);
    if (found !== null && found.remaining <= remaining) continue;
    found = { limit: meter.limit, remaining, resetMs: meter.endsAt - now };
  }
  return found;
}

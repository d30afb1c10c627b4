/** Usage of an account, or of everyone, over time and by model, key and node: the console's dashboard in one answer. */

import type {
  EveryonesUsage,
  OverviewFilter,
  UsageFigures,
  UsageFilter,
  UsageShare,
  UsageStep,
  UsageView,
} from "../../api/mod.ts";
import { othersTurn } from "../../protocol/mod.ts";
import { type Clock, DAY_MS, HOUR_MS } from "../base/clock.ts";
import { TimeZone, wholeHour } from "../base/time_zone.ts";
import { defined } from "../base/defined.ts";
import { ColinkError } from "../base/error.ts";
import { percentile } from "../store/histogram.ts";
import type { Store } from "../store/store.ts";
import type { UsageSum } from "../store/usage.ts";
import type { UsageQuery } from "../store/usage_query.ts";
import { EVERYONE, steps, type UsageSide } from "../store/usage_rollup.ts";

const DEFAULT_RANGE_MS = DAY_MS;

/** The default step of a range: the first row whose limit the range does not exceed. */
const finest: readonly { step: UsageStep; upToMs: number }[] = [
  { step: "minute", upToMs: 6 * HOUR_MS },
  { step: "hour", upToMs: 14 * DAY_MS },
  { step: "day", upToMs: Infinity },
];

const MAX_STEPS = 2_000;
/** Days of a zone are made from hours: a longer range would read too many. */
const MAX_ZONE_DAYS = 400;
const MAX_SHARES = 50;
const MAX_MODEL_SERIES = 5;

/** Accounts whose figures are added up by their groups. */
const MAX_GROUPED_ACCOUNTS = 1_000;

/** The usage rollups, and the names of keys, nodes and accounts. */
export type ReportStore = Pick<Store, "usage" | "keys" | "nodes" | "users">;

type SpeedSubject = "model" | "node";
type Speed = Pick<UsageFigures, "first_token_p50_ms" | "tokens_per_second">;

interface KnownSpeeds {
  /** When they were asked for, in monotonic milliseconds. */
  atMs: number;
  speeds: Promise<ReadonlyMap<string, Speed>>;
}

function noSpeeds(): KnownSpeeds {
  return { atMs: -Infinity, speeds: Promise.resolve(new Map()) };
}

/** Models or nodes whose speed is known at a time, and for how long it is not looked at again. */
const MAX_SPEEDS = 2_000;
const SPEEDS_FRESH_MS = 60_000;

/** The groups of accounts. */
interface ReportGroups {
  groupsOf(accountId: string): readonly string[];
  list(): { id: string; name: string }[];
}

/** The time of a report. */
interface UsageRange {
  query: UsageQuery;
  /** As long a time before. */
  earlier: UsageQuery;
  /** The time, in UTC milliseconds, of a point of the series. */
  timeOf: (at: number) => number;
  /** What the answer says of it. */
  window: Pick<UsageView, "step" | "step_ms" | "starts" | "from" | "to">;
}

interface ReportSums {
  series: (UsageSum & { at: number })[];
  before: UsageSum;
  models: NamedSum[];
  nodes: NamedSum[];
}

type NamedSum = UsageSum & { id: string };

/** Every method throws `store_unavailable` while the database is away. */
export class UsageReport {
  /** `minutesMs`: how long rollups by the minute are kept; 0: without limit. */
  constructor(
    private readonly options: {
      store: ReportStore;
      groups: ReportGroups;
      minutesMs: number;
      clock: Clock;
    },
  ) {}

  readonly #speeds: Record<SpeedSubject, KnownSpeeds> = { model: noSpeeds(), node: noSpeeds() };

  /** By account, what ends with the last of its reports. */
  readonly #lastReports = new Map<string, Promise<void>>();

  /**
   * Of an account's reports one is made at a time, with the others' turn between them: together they
   * would hold up the event loop. Throws `invalid_request` for an empty range, or one of more than 2,000
   * steps.
   */
  async view(accountId: string, filter: UsageFilter): Promise<UsageView> {
    const before = this.#lastReports.get(accountId);
    const report = before === undefined
      ? this.#view(accountId, filter)
      : before.then(othersTurn).then(() => this.#view(accountId, filter));
    const ended = report.then(() => {}, () => {});
    this.#lastReports.set(accountId, ended);
    try {
      return await report;
    } finally {
      if (this.#lastReports.get(accountId) === ended) this.#lastReports.delete(accountId);
    }
  }

  async #view(accountId: string, filter: UsageFilter): Promise<UsageView> {
    const { side = "made" } = filter;
    const { usage, keys } = this.options.store;
    const hasKeys = side === "made";
    const range = this.#range(accountId, filter, side);
    const sums = await this.#sums(range, hasKeys ? MAX_SHARES : 0);
    const busiest = sums.models.slice(0, MAX_MODEL_SERIES).map(({ id }) => id);
    const [points, keyNames, nodeNames] = await Promise.all([
      usage.modelSeries(range.query, busiest),
      hasKeys ? keys.names(accountId) : new Map<string, string>(),
      this.#nodeNames(sums.nodes),
    ]);
    return {
      side,
      ...shown(range, sums, nodeNames),
      by_key: sums.keys.map((sum) => share(sum, keyNames.get(sum.id) ?? null)),
      model_series: busiest.map((id) => ({
        id,
        points: points.filter(({ model }) => model === id)
          .map(({ at, calls, completionTokens }) => ({
            at: range.timeOf(at),
            calls,
            completion_tokens: completionTokens,
          })),
      })),
    };
  }

  /** All accounts together. Throws as `view`. */
  async everyone(filter: OverviewFilter): Promise<EveryonesUsage> {
    const range = this.#range(EVERYONE, filter, "everyone");
    // The keys of everyone's rollups are accounts.
    const { keys: accounts, ...sums } = await this.#sums(range, MAX_GROUPED_ACCOUNTS);
    const busiest = accounts.slice(0, MAX_SHARES);
    const [emails, nodeNames] = await Promise.all([
      this.options.store.users.emails(busiest.map(({ id }) => id)),
      this.#nodeNames(sums.nodes),
    ]);
    return {
      ...shown(range, sums, nodeNames),
      by_account: busiest.map((sum) => share(sum, emails.get(sum.id) ?? null)),
      by_group: this.#byGroup(accounts),
    };
  }

  async #sums(
    { query, earlier }: UsageRange,
    maxKeys: number,
  ): Promise<ReportSums & { keys: NamedSum[] }> {
    const { usage } = this.options.store;
    const [series, before, models, keys, nodes] = await Promise.all([
      usage.series(query),
      usage.total(earlier),
      usage.shares(query, "model", MAX_SHARES),
      maxKeys === 0 ? [] : usage.shares(query, "key", maxKeys),
      usage.shares(query, "node", MAX_SHARES),
    ]);
    return { series, before, models, keys, nodes };
  }

  /** What the nodes are called, by id. */
  async #nodeNames(nodes: readonly { id: string }[]): Promise<ReadonlyMap<string, string>> {
    const known = await this.options.store.nodes.known(nodes.map(({ id }) => id));
    return new Map(known.map(({ id, name, label }) => [id, label ?? name]));
  }

  /** How fast each model or node was in the last day, for all callers: at most a minute old. */
  async speeds(of: SpeedSubject): Promise<ReadonlyMap<string, Speed>> {
    const { clock, store } = this.options;
    const known = this.#speeds[of];
    if (clock.monotonic() - known.atMs < SPEEDS_FRESH_MS) return await known.speeds;
    known.atMs = clock.monotonic();
    const { from, to } = this.#query(EVERYONE, { step: "hour" });
    const query = { accountId: EVERYONE, side: "everyone", step: "hour", from, to } as const;
    const before = known.speeds;
    known.speeds = store.usage.shares(query, of, MAX_SPEEDS).then(
      (sums) => new Map(sums.map((sum) => [sum.id, figures(sum)])),
      // The lists of models and nodes do not need the database.
      () => before,
    );
    return await known.speeds;
  }

  #byGroup(accounts: readonly NamedSum[]): UsageShare[] {
    const { groups } = this.options;
    const byGroup = new Map<string, UsageSum[]>();
    for (const sum of accounts) {
      for (const id of groups.groupsOf(sum.id)) {
        const sums = byGroup.get(id);
        if (sums === undefined) byGroup.set(id, [sum]);
        else sums.push(sum);
      }
    }
    return groups.list()
      .flatMap(({ id, name }) => {
        const sums = byGroup.get(id);
        return sums === undefined ? [] : [share({ id, ...totalOf(sums) }, name)];
      })
      .sort((a, b) => b.calls - a.calls).slice(0, MAX_SHARES);
  }

  /** What to ask the store for, and what the answer says of its time. */
  #range(accountId: string, filter: UsageFilter, side: UsageSide): UsageRange {
    const query = { ...this.#query(accountId, filter), side };
    const { step } = query;
    if (step === "day" && filter.zone !== undefined) {
      const { to = this.options.clock.now(), from = to - DEFAULT_RANGE_MS } = filter;
      return zoneDays(query, filter.zone, from, to);
    }
    const step_ms = steps[step].ms;
    const { from, to } = query;
    const earlier = { ...query, from: from - (to - from), to: from };
    return { query, earlier, timeOf: (at) => at, window: { step, step_ms, from, to } };
  }

  #query(accountId: string, filter: UsageFilter): UsageQuery & { side: "made" | "provided" } {
    const { side = "made", to = this.options.clock.now(), from = to - DEFAULT_RANGE_MS } = filter;
    if (from >= to) {
      throw new ColinkError("invalid_request", "Cannot show usage: from must be before to", {
        param: "from",
        problem: { code: "wrong_order" },
      });
    }
    const step = filter.step ?? this.#stepFor(from, to);
    const { ms } = steps[step];
    const query = defined({
      accountId,
      side,
      step,
      from: Math.floor(from / ms) * ms,
      to: Math.ceil(to / ms) * ms,
      model: filter.model,
      // A node's owner must not learn, by filtering for keys, which account made a call.
      keyId: side === "made" ? filter.key : undefined,
      nodeId: filter.node,
    });
    if ((query.to - query.from) / ms > MAX_STEPS) {
      throw new ColinkError(
        "invalid_request",
        `Cannot show usage: that is more than ${MAX_STEPS} steps; choose a coarser step`,
        { param: "step", problem: { code: "too_big", limit: MAX_STEPS } },
      );
    }
    return query;
  }

  #stepFor(from: number, to: number): UsageStep {
    const fits = finest.find(({ upToMs }) => to - from <= upToMs)?.step ?? "day";
    const { minutesMs, clock } = this.options;
    const hasMinutes = minutesMs === 0 || from >= clock.now() - minutesMs;
    return fits === "minute" && !hasMinutes ? "hour" : fits;
  }
}

/** What every report says of its time, in all, and by model and node. */
function shown(
  { timeOf, window }: UsageRange,
  { series, before, models, nodes }: ReportSums,
  nodeNames: ReadonlyMap<string, string>,
) {
  return {
    ...window,
    total: figures(totalOf(series)),
    before: figures(before),
    series: series.map((sum) => ({ at: timeOf(sum.at), ...figures(sum) })),
    by_model: models.map((sum) => share(sum, sum.id)),
    by_node: nodes.map((sum) => share(sum, nodeNames.get(sum.id) ?? null)),
  };
}

/** The query for the days of a time zone between two times, and for as many before. Throws `invalid_request`. */
function zoneDays(query: UsageQuery, name: string, from: number, to: number): UsageRange {
  const rangeMs = to - from;
  if (rangeMs > MAX_ZONE_DAYS * DAY_MS) {
    throw new ColinkError(
      "invalid_request",
      `Cannot show usage: that is more than ${MAX_ZONE_DAYS} days of a time zone; ask for fewer, or for those of UTC`,
      { param: "from", problem: { code: "too_many_days", limit: MAX_ZONE_DAYS } },
    );
  }
  const zone = new TimeZone(name, from - rangeMs, to);
  const [first, end] = [zone.dayOf(from), zone.dayOf(to - 1) + 1];
  const days = (since: number, until: number): UsageQuery => ({
    ...query,
    step: "hour",
    offsets: zone.offsets,
    from: wholeHour(zone.startOf(since)),
    to: wholeHour(zone.startOf(until)),
  });
  return {
    query: days(first, end),
    earlier: days(first - (end - first), first),
    timeOf: (day) => zone.startOf(day),
    window: {
      step: "day",
      step_ms: DAY_MS,
      starts: Array.from({ length: end - first }, (_, i) => zone.startOf(first + i)),
      from: zone.startOf(first),
      to: zone.startOf(end),
    },
  };
}

/** A sum as the API shows it. */
export function figures(sum: UsageSum): UsageFigures {
  return {
    calls: sum.calls,
    errors: sum.errors,
    prompt_tokens: sum.promptTokens,
    completion_tokens: sum.completionTokens,
    first_token_p50_ms: percentile(sum.histogram, 0.5),
    first_token_p95_ms: percentile(sum.histogram, 0.95),
    tokens_per_second: sum.streamMs === 0
      ? null
      : Math.round(sum.streamTokens / sum.streamMs * 10_000) / 10,
  };
}

function share(sum: NamedSum, name: string | null): UsageShare {
  return { id: sum.id, name, ...figures(sum) };
}

function totalOf(sums: readonly UsageSum[]): UsageSum {
  const total: UsageSum = {
    calls: 0,
    errors: 0,
    promptTokens: 0,
    completionTokens: 0,
    streamTokens: 0,
    streamMs: 0,
    histogram: [],
  };
  for (const sum of sums) {
    total.calls += sum.calls;
    total.errors += sum.errors;
    total.promptTokens += sum.promptTokens;
    total.completionTokens += sum.completionTokens;
    total.streamTokens += sum.streamTokens;
    total.streamMs += sum.streamMs;
    for (const [at, count] of sum.histogram.entries()) {
      total.histogram[at] = (total.histogram[at] ?? 0) + count;
    }
  }
  return total;
}

/** How many requests of each kind an account, or a network, may send a minute. */

import { networkOf } from "../account/network.ts";
import type { Budget, Budgets } from "../base/budgets.ts";
import type { Clock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import type { Limiter } from "../limit/limiter.ts";
import { MemoryLimits } from "../limit/memory.ts";

interface RateRow {
  whose: "account" | "network";
  perMinute: number;
  /** Completes "Cannot answer: your account has …". */
  what: string;
  /** Whether each gateway counts for itself, where asking Redis would cost more than the request. */
  isLocal?: boolean;
  /** Absent: `rate_limit_exceeded`. */
  code?: "login_throttled";
}

const rows = {
  // Several open tabs, or a script, stay far below these; they bound what one account's loop costs.
  requests_per_account: row("account", 3000, "sent requests to the console's API", true),
  changes_per_account: row("account", 600, "sent changes to the console's API", true),
  model_reads_per_account: row("account", 3000, "asked /v1/models", true),
  links_opened_per_account: row("account", 12_000, "connected nodes", true),
  // An office of fifty people who open the console at the same moment sends 1,500 requests.
  visits_per_network: row("network", 6000, "sent requests without a session or key", true),

  aliases_changed_per_account: row("account", 30, "changed aliases"),
  email_changes_per_account: row("account", 10, "changed the e-mail address"),
  links_refused_per_network: {
    ...row("network", 60, "connected nodes with a wrong token"),
    code: "login_throttled",
  },
  logout_tokens_per_network: {
    ...row("network", 600, "sent logout tokens"),
    code: "login_throttled",
  },
  join_codes_per_account: row("account", 30, "made join codes"),
  // The first event of each may be the whole network.
  live_streams_opened_per_account: row("account", 300, "opened live streams"),
  model_lists_per_account: row("account", 120, "asked for the models"),
  new_keys_per_account: row("account", 30, "made or replaced keys"),
  node_lists_per_account: row("account", 300, "asked for the nodes"),
  node_speeds_per_account: row("account", 60, "asked for the nodes' speed"),
  overviews_per_account: row("account", 60, "asked for the overview"),
  password_resets_per_account: row("account", 20, "made links for new passwords"),
  // Replaced tokens stay in the database.
  tokens_replaced_per_account: row("account", 10, "replaced tokens"),
  usage_exports_per_account: row("account", 6, "exported the usage"),
  usage_reports_per_account: row("account", 120, "asked for reports of usage"),
} satisfies Record<string, RateRow>;

/** The label of a rate in /metrics. */
export type RateName = keyof typeof rows;

export interface RequestRatesParts {
  limiter: Pick<Limiter, "take">;
  clock: Pick<Clock, "monotonic">;
  budgets: Budgets;
}

export class RequestRates {
  readonly #parts: RequestRatesParts;
  readonly #local: MemoryLimits;
  readonly #budgets = new Map<RateName, Budget>();

  constructor(parts: RequestRatesParts) {
    this.#parts = parts;
    this.#local = new MemoryLimits(parts.clock);
    for (const name of Object.keys(rows) as RateName[]) {
      this.#budgets.set(name, parts.budgets.add(name, { limit: rows[name].perMinute }));
    }
  }

  /** Counts a request. `who`: the id of an account, or an address. Throws `rate_limit_exceeded`. */
  take(name: RateName, who: string): void | Promise<void> {
    const { whose, perMinute, isLocal }: RateRow = rows[name];
    const counted = `${name}:${whose === "network" ? networkOf(who) : who}`;
    const limiter = isLocal ? this.#local : this.#parts.limiter;
    const verdict = limiter.take(counted, perMinute);
    if (verdict instanceof Promise) return verdict.then((verdict) => this.#check(name, verdict));
    this.#check(name, verdict);
  }

  #check(name: RateName, { allowed, retryAfterMs }: { allowed: boolean; retryAfterMs: number }) {
    if (allowed) return;
    this.#budgets.get(name)?.refused();
    const { whose, perMinute, what, code }: RateRow = rows[name];
    throw new ColinkError(
      code ?? "rate_limit_exceeded",
      `Cannot answer now: your ${whose} has ${what} ${perMinute} times within a minute; try again later`,
      { retryAfterMs },
    );
  }
}

function row(whose: RateRow["whose"], perMinute: number, what: string, isLocal = false): RateRow {
  return { whose, perMinute, what, isLocal };
}

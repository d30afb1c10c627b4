/** Bounds the log lines that strangers cause: by link, by account and by address. A call's own line is not among them. */

import type { Budget } from "./budgets.ts";
import { type Clock, MINUTE_MS } from "./clock.ts";
import type { Fields, Log } from "./log.ts";
import { LruCache } from "./lru.ts";

export interface BoundedLogsOptions {
  log: Log;
  clock: Pick<Clock, "monotonic">;
  /** Lines of one account, or of one address. */
  linesPerMinute: number;
  budget: Budget;
}

/** The source of the lines. */
export interface LogOwners {
  account?: string;
  /** Of a network: who can choose among its addresses has one budget. */
  address?: string;
}

const LINKS_SHARE = 1 / 10;

/** Accounts and addresses that are counted at a time; one that is evicted starts a new minute. */
const MAX_OWNERS = 10_000;

export class BoundedLogs {
  readonly #options: BoundedLogsOptions;
  readonly #byOwner = new LruCache<string, Minute>(MAX_OWNERS);

  constructor(options: BoundedLogsOptions) {
    this.#options = options;
  }

  /** For one request. */
  of(owners: LogOwners): Log {
    return this.#bounded(owners, null);
  }

  /** For a link as long as it lasts: its lines have a budget of their own besides its owners'. */
  ofLink(owners: LogOwners): Log {
    return this.#bounded(owners, new Minute());
  }

  #bounded(owners: LogOwners, link: Minute | null): Log {
    const { log } = this.#options;
    const write = (level: keyof Log) => (fields: Fields, message: string) => {
      if (this.#takes(owners, link)) log[level](fields, message);
    };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    };
  }

  /** Counts a line. One beyond a budget is left out, and the first of a minute is replaced by a line that says so. */
  #takes(owners: LogOwners, link: Minute | null): boolean {
    const { linesPerMinute, clock, budget, log } = this.#options;
    const nowMs = clock.monotonic();
    const counted: [minute: Minute, limit: number][] = Object.entries(owners)
      .map(([kind, owner]) => [this.#minuteOf(`${kind} ${owner}`), linesPerMinute]);
    if (link !== null) counted.unshift([link, linesPerMinute * LINKS_SHARE]);
    for (const [minute, limit] of counted) {
      const lines = minute.count(nowMs);
      if (lines <= limit) continue;
      budget.refused();
      if (lines - 1 <= limit) log.warn({ ...owners }, "too many log lines: more are left out");
      return false;
    }
    return true;
  }

  #minuteOf(owner: string): Minute {
    let minute = this.#byOwner.get(owner);
    if (minute === undefined) this.#byOwner.set(owner, minute = new Minute());
    return minute;
  }
}

class Minute {
  #lines = 0;
  #sinceMs = -Infinity;

  /** The number of lines of this minute, one more included. */
  count(nowMs: number): number {
    if (nowMs - this.#sinceMs >= MINUTE_MS) {
      this.#lines = 0;
      this.#sinceMs = nowMs;
    }
    return ++this.#lines;
  }
}

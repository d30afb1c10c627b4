/** Learns from the database what other gateways have changed: a poll whose readings overlap. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { Polled } from "./polled.ts";

/** One reading of a table's recent changes. */
export interface Changes<Change> {
  changes: Change[];
  /** The database's clock, read before the changes were. UTC milliseconds. */
  now: number;
}

export interface ChangePollOptions<Change extends { at: number }> {
  /**
   * Reads the changes whose stamp `at` is `since` or later. The database's clock gives the stamps,
   * and a change carries its own, so that a row that is changed back counts as changed again.
   */
  read(since: number): Promise<Changes<Change>>;
  /** Takes changes that no earlier poll has delivered: never an empty list. */
  deliver(changes: readonly Change[]): void;
  /** Where the first poll starts; `now` skips what was changed before the process started. */
  from: "beginning" | "now";
  /** The log line of a poll that failed for another reason than an outage. */
  failure: string;
  clock: Clock;
  log: Log;
}

/**
 * Each reading goes back this far before the last one: longer than a change can take from its stamp
 * to its commit, so that a change that is committed late is still read.
 */
const OVERLAP_MS = 10_000;

/** Only the database's clock is compared with stamps; the gateway's own clock may differ. */
export class ChangePoll<Change extends { at: number }> extends Polled {
  readonly #options: ChangePollOptions<Change>;
  #since: number;
  /** Changes that the next reading can return again. */
  #delivered = new Set<string>();

  constructor(options: ChangePollOptions<Change>) {
    super(options.failure, options);
    this.#options = options;
    this.#since = options.from === "now" ? Number.MAX_SAFE_INTEGER : 0;
  }

  /** Delivers what was read, unless it was closed. After a failure the next reading starts where this one would have. */
  protected override async read(): Promise<void> {
    const { changes, now } = await this.#options.read(this.#since);
    if (this.isClosed) return;
    const since = now - OVERLAP_MS;
    const known = this.#delivered;
    this.#since = since;
    this.#delivered = new Set(changes.filter(({ at }) => at >= since).map(identityOf));
    const fresh = changes.filter((change) => !known.has(identityOf(change)));
    if (fresh.length > 0) this.#options.deliver(fresh);
  }
}

function identityOf(change: object): string {
  return JSON.stringify(change);
}

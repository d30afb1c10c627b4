/** Forgets what is older than it is kept: a little at a time, so that nobody waits for it. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { PeriodicTask } from "./periodic_task.ts";
import type { Store } from "./store.ts";

export interface RetentionOptions {
  store: Pick<Store, "calls" | "usage" | "users" | "nodes" | "sessions" | "audit">;
  clock: Clock;
  log: Log;
  /** How long calls are kept one by one; 0: for ever. */
  ledgerMs: number;
  /** How long rollups by the minute are kept; 0: for ever. */
  minutesMs: number;
  /** How long the audit log is kept; 0: for ever. */
  auditMs: number;
}

const EVERY_MS = 10 * 60_000;
const FAILURE = "cannot forget what is old";
/** What follows a full chunk: others get their turn. */
const BREATH_MS = 200;

const ROWS_PER_CHUNK = 1_000;
const ACCOUNTS_PER_CHUNK = 100;

/** Nodes' timelines. */
const EVENTS_MS = 90 * 24 * 60 * 60_000;

export class Retention {
  readonly #options: RetentionOptions;
  readonly #task: PeriodicTask;

  constructor(options: RetentionOptions) {
    this.#options = options;
    const { clock, log } = options;
    const run = () => this.run();
    this.#task = new PeriodicTask({ everyMs: EVERY_MS, run, failure: FAILURE, clock, log });
  }

  start(): void {
    this.#task.start();
  }

  /** Resolves when the statement that is under way has ended. */
  close(): Promise<void> {
    return this.#task.close();
  }

  /** Removes everything that is due. */
  async run(): Promise<void> {
    const { store, clock, ledgerMs, minutesMs, auditMs } = this.#options;
    if (ledgerMs > 0) await this.#forgetRows(store.calls, clock.now() - ledgerMs);
    if (auditMs > 0) await this.#forgetRows(store.audit, clock.now() - auditMs);
    if (minutesMs > 0) await this.#forgetMinutes(clock.now() - minutesMs);
    await store.nodes.prune(clock.now() - EVENTS_MS);
    await store.sessions.prune(clock.now());
  }

  async #forgetRows(table: Pick<Store["calls" | "audit"], "prune">, before: number): Promise<void> {
    while (!this.#task.isClosed && await table.prune(before, ROWS_PER_CHUNK) === ROWS_PER_CHUNK) {
      await this.#breathe();
    }
  }

  async #forgetMinutes(before: number): Promise<void> {
    const { usage, users } = this.#options.store;
    for (let last = ""; !this.#task.isClosed;) {
      const ids = await users.ids(last, ACCOUNTS_PER_CHUNK);
      if (ids.length > 0) await usage.pruneMinutes(ids, before);
      if (ids.length < ACCOUNTS_PER_CHUNK) return;
      last = ids.at(-1) ?? "";
      await this.#breathe();
    }
  }

  #breathe(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(BREATH_MS, resolve));
  }
}

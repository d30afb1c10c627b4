/** Work on the database that is repeated as long as the process runs, through outages. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { isStoreUnavailable } from "./backend.ts";

export interface PeriodicTaskOptions {
  /** From the end of one run to the start of the next. */
  everyMs: number;
  run(): Promise<void>;
  /** The log line of a failed run. An outage is not logged here: the ledger writer reports it. */
  failure: string;
  clock: Clock;
  log: Log;
}

/** Runs never overlap, and a run that fails changes nothing about the next one. */
export class PeriodicTask {
  readonly #options: PeriodicTaskOptions;
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;
  #cancelTimer: () => void = () => {};

  constructor(options: PeriodicTaskOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Schedules the first run. */
  start(): void {
    if (this.#isClosed) return;
    const { clock, everyMs } = this.#options;
    this.#cancelTimer = clock.after(everyMs, () => void this.runNow());
  }

  /** Makes the first run now; resolves at its end, when the next one is scheduled. Never rejects. */
  runNow(): Promise<void> {
    return this.#running = this.#run();
  }

  /** Schedules nothing more; resolves when a run that is under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { run, failure, log } = this.#options;
    try {
      await run();
    } catch (error) {
      if (!isStoreUnavailable(error)) log.error({ err: error }, failure);
    }
    this.start();
  }
}

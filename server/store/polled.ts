/** A reading of the database that is repeated: regularly, and at once after this gateway's own changes. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { PeriodicTask } from "./periodic_task.ts";

/** A change made on one gateway reaches the others within this time. */
const POLL_MS = 2000;

export abstract class Polled {
  readonly #task: PeriodicTask;
  #reading: Promise<void> = Promise.resolve();

  /** `failure`: the log line of a reading that failed for another reason than an outage. */
  constructor(failure: string, { clock, log }: { clock: Clock; log: Log }) {
    const run = () => this.refresh();
    this.#task = new PeriodicTask({ everyMs: POLL_MS, run, failure, clock, log });
  }

  /** Reads now and from now on; resolves after the first reading. Never rejects, even in an outage. */
  start(): Promise<void> {
    return this.#task.runNow();
  }

  /** Resolves when a reading that is under way has ended; no other follows by itself. */
  close(): Promise<void> {
    return this.#task.close();
  }

  /** Reads what was committed before the call. Throws what the reading throws. */
  refresh(): Promise<void> {
    // One after the other: an older reading must not replace a newer one.
    const reading = this.#reading.then(() => this.read());
    this.#reading = reading.catch(() => {});
    return reading;
  }

  protected get isClosed(): boolean {
    return this.#task.isClosed;
  }

  protected abstract read(): Promise<void>;
}

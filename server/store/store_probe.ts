/** Writes to the database now and then, so that /readyz answers at once from what was seen last. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { PeriodicTask } from "./periodic_task.ts";
import type { Store } from "./store.ts";

export interface StoreProbeOptions {
  store: Pick<Store, "probe" | "trouble">;
  clock: Clock;
  log: Log;
}

const LOOK_EVERY_MS = 1000;
/** While all is well. In trouble every look writes, so that a recovery is known within seconds. */
const PROBE_EVERY_MS = 10_000;

export class StoreProbe {
  readonly #options: StoreProbeOptions;
  readonly #task: PeriodicTask;
  #probedMs: number;
  #hasReported = false;

  constructor(options: StoreProbeOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#probedMs = clock.monotonic();
    this.#task = new PeriodicTask({
      everyMs: LOOK_EVERY_MS,
      run: () => this.#look(),
      failure: "store: cannot probe the database",
      clock,
      log,
    });
  }

  start(): void {
    this.#task.start();
  }

  /** Resolves when the probe that is under way has ended. */
  close(): Promise<void> {
    return this.#task.close();
  }

  async #look(): Promise<void> {
    const { store, clock, log } = this.#options;
    const nowMs = clock.monotonic();
    if (store.trouble === null && nowMs - this.#probedMs < PROBE_EVERY_MS) return;
    this.#probedMs = nowMs;
    try {
      await store.probe();
    } catch (error) {
      if (!this.#hasReported) log.warn({ err: error }, "store: the database takes no writes");
      this.#hasReported = true;
      return;
    }
    if (this.#hasReported) log.info({}, "store: the database takes writes again");
    this.#hasReported = false;
  }
}

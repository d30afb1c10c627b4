/** Folds fresh cells into the rollups: a few at a time, so that nobody waits for it. */

import { type Clock, systemClock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "./store.ts";

export interface UsageFolderOptions {
  store: { usage: Pick<Store["usage"], "waiting" | "fold"> };
  log: Log;
  clock?: Pick<Clock, "monotonic" | "after">;
  /** Cells that are not left to wait for more of their hour. */
  maxWaiting?: number;
}

const LOOK_EVERY_MS = 5_000;

/** Cells of one hour share most of their rows, so that the longer they wait, the less each costs. */
const FOLD_EVERY_MS = 10 * 60_000;

/** A view asks six questions, and each reads those of its account: so many take 60 to 90 ms. */
const MAX_WAITING = 10_000;

/** Each adds to sixteen rows. With SQLite, nothing else happens in the process meanwhile. */
const CELLS_PER_PIECE = 25;

/** What follows a piece: others get their turn. */
const BREATH_MS = 10;

export class UsageFolder {
  readonly #options: Required<UsageFolderOptions>;
  #foldedAt: number;
  #isClosed = false;
  #cancel: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(options: UsageFolderOptions) {
    this.#options = { clock: systemClock, maxWaiting: MAX_WAITING, ...options };
    this.#foldedAt = this.#options.clock.monotonic();
  }

  start(): void {
    if (this.#isClosed) return;
    this.#cancel = this.#options.clock.after(LOOK_EVERY_MS, () => {
      this.#running = this.look().then(() => this.start());
    });
  }

  /** Resolves when nothing of it runs any more. Cells that still wait are counted, and folded by who comes next. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    await this.#running;
  }

  /** Folds what waits if there is much of it, or if the time has come. Never fails: cells wait until they can be folded. */
  async look(): Promise<void> {
    const { store, log, clock, maxWaiting } = this.#options;
    try {
      const waiting = await store.usage.waiting(maxWaiting);
      const startedAt = clock.monotonic();
      if (waiting < maxWaiting && startedAt - this.#foldedAt < FOLD_EVERY_MS) return;
      this.#foldedAt = startedAt;
      await this.#fold(waiting);
      log.debug({ cells: waiting, ms: clock.monotonic() - startedAt }, "usage folded");
    } catch (error) {
      // An outage is for the ledger to report.
      if (error instanceof ColinkError && error.code === "store_unavailable") return;
      log.error({ err: error }, "cannot fold what was used into the rollups");
    }
  }

  /** Not more than there were: what comes meanwhile may wait for its like. */
  async #fold(cells: number): Promise<void> {
    const { store, clock } = this.#options;
    for (let left = cells; left > 0 && !this.#isClosed;) {
      const folded = await store.usage.fold(Math.min(left, CELLS_PER_PIECE));
      if (folded === 0) return;
      left -= folded;
      await new Promise<void>((resolve) => clock.after(BREATH_MS, resolve));
    }
  }
}

/** Folds fresh cells into the rollups: a few at a time, so that other queries do not wait. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { PeriodicTask } from "./periodic_task.ts";
import type { Store } from "./store.ts";

export interface UsageFolderOptions {
  store: { usage: Pick<Store["usage"], "waiting" | "fold"> };
  log: Log;
  clock: Clock;
  /** So many cells are folded at once instead of waiting for more of their hour. */
  maxWaiting?: number;
}

const LOOK_EVERY_MS = 5_000;

/** Cells of one hour share most of their rollups: the longer they wait, the less each costs. */
const FOLD_EVERY_MS = 10 * 60_000;

/** Each of a view's six queries reads the cells of its account: this many take 60 to 90 ms. */
const MAX_WAITING = 10_000;

/** Each cell adds to sixteen rows. With SQLite, folding a piece blocks the process. */
const CELLS_PER_PIECE = 25;

/** The pause after a piece, for other queries. */
const PAUSE_MS = 10;

export class UsageFolder {
  readonly #options: Required<UsageFolderOptions>;
  readonly #task: PeriodicTask;
  #foldedAt: number;

  constructor(options: UsageFolderOptions) {
    this.#options = { maxWaiting: MAX_WAITING, ...options };
    const { log, clock } = this.#options;
    this.#foldedAt = clock.monotonic();
    this.#task = new PeriodicTask({
      everyMs: LOOK_EVERY_MS,
      run: () => this.look(),
      failure: "cannot fold usage into the rollups",
      clock,
      log,
    });
  }

  start(): void {
    this.#task.start();
  }

  /** Resolves when the piece that is under way is folded. Queries count waiting cells, which the next start folds. */
  close(): Promise<void> {
    return this.#task.close();
  }

  /** Folds the waiting cells if there are many, or if the last fold was long ago. */
  async look(): Promise<void> {
    const { store, log, clock, maxWaiting } = this.#options;
    const waiting = await store.usage.waiting(maxWaiting);
    const startedAt = clock.monotonic();
    if (waiting < maxWaiting && startedAt - this.#foldedAt < FOLD_EVERY_MS) return;
    this.#foldedAt = startedAt;
    await this.#fold(waiting);
    log.debug({ cells: waiting, ms: clock.monotonic() - startedAt }, "usage folded");
  }

  /** Folds no more cells than there were: later ones wait for others of their hour. */
  async #fold(cells: number): Promise<void> {
    const { store, clock } = this.#options;
    for (let left = cells; left > 0 && !this.#task.isClosed;) {
      const folded = await store.usage.fold(Math.min(left, CELLS_PER_PIECE));
      if (folded === 0) return;
      left -= folded;
      await new Promise<void>((resolve) => clock.after(PAUSE_MS, resolve));
    }
  }
}

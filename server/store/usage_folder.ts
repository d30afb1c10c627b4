/** Folds fresh cells into the rollups: a few at a time, so that nobody waits for it. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { PeriodicTask } from "./periodic_task.ts";
import type { Store } from "./store.ts";

export interface UsageFolderOptions {
  store: { usage: Pick<Store["usage"], "waiting" | "fold"> };
  log: Log;
  clock: Clock;
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
  readonly #task: PeriodicTask;
  #foldedAt: number;

  constructor(options: UsageFolderOptions) {
    this.#options = { maxWaiting: MAX_WAITING, ...options };
    const { log, clock } = this.#options;
    this.#foldedAt = clock.monotonic();
    this.#task = new PeriodicTask({
      everyMs: LOOK_EVERY_MS,
      run: () => this.look(),
      failure: "cannot fold what was used into the rollups",
      clock,
      log,
    });
  }

  start(): void {
    this.#task.start();
  }

  /** Resolves when the piece that is under way is folded. Cells that still wait are counted, and folded later. */
  close(): Promise<void> {
    return this.#task.close();
  }

  /** Folds the waiting cells if there are many, or if the time has come. */
  async look(): Promise<void> {
    const { store, log, clock, maxWaiting } = this.#options;
    const waiting = await store.usage.waiting(maxWaiting);
    const startedAt = clock.monotonic();
    if (waiting < maxWaiting && startedAt - this.#foldedAt < FOLD_EVERY_MS) return;
    this.#foldedAt = startedAt;
    await this.#fold(waiting);
    log.debug({ cells: waiting, ms: clock.monotonic() - startedAt }, "usage folded");
  }

  /** Not more than there were: what comes meanwhile may wait for its like. */
  async #fold(cells: number): Promise<void> {
    const { store, clock } = this.#options;
    for (let left = cells; left > 0 && !this.#task.isClosed;) {
      const folded = await store.usage.fold(Math.min(left, CELLS_PER_PIECE));
      if (folded === 0) return;
      left -= folded;
      await new Promise<void>((resolve) => clock.after(BREATH_MS, resolve));
    }
  }
}

/** What the machine gave: for how long it took calls, why it took none, what it refused, the energy. */

import type { LentReport } from "../../protocol/mod.ts";
import { pause, type World } from "../world.ts";

export interface LentOptions {
  world: Pick<World, "after" | "nowMs">;
  /** Only the time with a connection counts. */
  isConnected: () => boolean;
  /** Why no calls are taken; null: they are. */
  closedFor: () => string | null;
  /** Whether calls run now. */
  isServing: () => boolean;
  /** What the graphics processors use now; null: they do not tell. */
  gpuWatts: () => Promise<number | null>;
  report: (report: LentReport) => void;
}

const TICK_MS = 10_000;
const TICKS_PER_REPORT = 6;

/** A tick that comes later than this was asleep with its machine: what was in between is unknown. */
const LATE_MS = 3 * TICK_MS;

const MAX_REASONS = 20;
const OTHER_REASONS = "other reasons";
const MAX_REASON_CHARS = 200;

export class Lent {
  readonly #stopping = new AbortController();
  #sinceMs: number;
  #openMs = 0;
  #closedMs = new Map<string, number>();
  #refused = 0;
  #joules: number | null = null;

  constructor(private readonly options: LentOptions) {
    this.#sinceMs = options.world.nowMs();
  }

  start(): void {
    void this.#watch();
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** A call was refused because of the owner's terms. */
  refused(): void {
    this.#refused++;
  }

  async #watch(): Promise<void> {
    const { world } = this.options;
    const { signal } = this.#stopping;
    for (let ticks = 1;; ticks++) {
      await pause(world, TICK_MS, signal);
      if (signal.aborted) return;
      await this.#tick();
      if (ticks % TICKS_PER_REPORT === 0) this.#report();
    }
  }

  /** Never rejects. */
  async #tick(): Promise<void> {
    const { world, isConnected, closedFor, isServing, gpuWatts } = this.options;
    const nowMs = world.nowMs();
    const passedMs = nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
    if (!isConnected() || passedMs > LATE_MS) return;
    const reason = closedFor();
    if (reason === null) this.#openMs += passedMs;
    else this.#addClosed(reason.slice(0, MAX_REASON_CHARS), passedMs);
    const watts = isServing() ? await gpuWatts() : null;
    if (watts !== null) this.#joules = (this.#joules ?? 0) + watts * passedMs / 1000;
  }

  #addClosed(reason: string, ms: number): void {
    const isNew = !this.#closedMs.has(reason);
    const name = isNew && this.#closedMs.size >= MAX_REASONS - 1 ? OTHER_REASONS : reason;
    this.#closedMs.set(name, (this.#closedMs.get(name) ?? 0) + ms);
  }

  /** What was not reported because there is no connection is reported with the next one. */
  #report(): void {
    if (!this.options.isConnected()) return;
    const closed = [...this.#closedMs].map(([reason, ms]) => [reason, Math.round(ms / 1000)]);
    const report: LentReport = {
      open_s: Math.round(this.#openMs / 1000),
      closed_s: Object.fromEntries(closed),
      refused: this.#refused,
      ...(this.#joules !== null && { energy_j: Math.round(this.#joules) }),
    };
    this.#openMs = 0;
    this.#closedMs = new Map();
    this.#refused = 0;
    this.#joules = null;
    this.options.report(report);
  }
}

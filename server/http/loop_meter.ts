/** How long the event loop lets other work wait, measured by a timer while somebody reads /metrics. */

import { Histogram } from "./histogram.ts";

/** Between two turns of the timer: a block is seen as long as it is, or shorter by at most this. */
const EVERY_MS = 20;

/** A meter that nobody has read for this long stops, so that an idle gateway does not wake for it. */
const UNREAD_MS = 5 * 60_000;

const LIMITS_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export interface LoopMeterWorld {
  monotonic(): number;
  /** CPU time of the thread that runs the event loop, in milliseconds. */
  cpuMs(): number;
  /** Runs the task again and again; the returned function ends that. */
  every(ms: number, task: () => void): () => void;
}

const systemWorld: LoopMeterWorld = {
  monotonic: () => performance.now(),
  cpuMs: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
  every(ms, task) {
    const timer = setInterval(task, ms);
    // A gateway that has stopped must not wait for it.
    timer.unref();
    return () => clearInterval(timer);
  },
};

export class LoopMeter {
  /** How late the timer fires by the clock: other processes' share of the machine counts as well. */
  readonly delaySeconds = new Histogram(LIMITS_SECONDS);
  /** CPU time between two turns beyond their distance: what the loop's own work has made others wait. */
  readonly blockSeconds = new Histogram(LIMITS_SECONDS);
  #readMs = 0;
  #lastMs = 0;
  #lastCpuMs = 0;
  #stop: (() => void) | null = null;

  constructor(private readonly world: LoopMeterWorld = systemWorld) {}

  /** Starts measuring, or goes on for some minutes more. */
  keepRunning(): void {
    this.#readMs = this.world.monotonic();
    if (this.#stop !== null) return;
    this.#lastMs = this.#readMs;
    this.#lastCpuMs = this.world.cpuMs();
    this.#stop = this.world.every(EVERY_MS, () => this.#turn());
  }

  #turn(): void {
    const nowMs = this.world.monotonic();
    const cpuMs = this.world.cpuMs();
    this.delaySeconds.add(Math.max(0, nowMs - this.#lastMs - EVERY_MS) / 1000);
    this.blockSeconds.add(Math.max(0, cpuMs - this.#lastCpuMs - EVERY_MS) / 1000);
    this.#lastMs = nowMs;
    this.#lastCpuMs = cpuMs;
    if (nowMs - this.#readMs < UNREAD_MS) return;
    this.#stop?.();
    this.#stop = null;
  }
}

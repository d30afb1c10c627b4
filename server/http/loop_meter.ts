/** How long the event loop lets other work wait, measured by a timer while /metrics is being read. */

import { Histogram } from "./histogram.ts";

/** Between two turns of the timer: a block is seen as long as it is, or shorter by at most this. */
const EVERY_MS = 20;

/**
 * The same while the loop has next to nothing to do: each turn wakes the processor. Work of a long turn
 * that was no block is taken for one of up to this time, which is less than what an operator is warned of.
 */
const IDLE_EVERY_MS = 250;

/** Turns without an ended call and without work, after which the loop counts as idle. */
const QUIET_TURNS = 50;

/** CPU time of a short turn, and of a long one, from which on the loop counts as working. */
const WORK_MS = 2;
const IDLE_WORK_MS = 50;

/** A meter that goes unread for this long stops, so that an idle gateway does not wake for it. */
const UNREAD_MS = 5 * 60_000;

const LIMITS_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export interface LoopMeterWorld {
  monotonic(): number;
  /** CPU time of the thread that runs the event loop, in milliseconds. */
  cpuMs(): number;
  /** Runs the task once; the returned function cancels that. */
  after(ms: number, task: () => void): () => void;
}

const systemWorld: LoopMeterWorld = {
  monotonic: () => performance.now(),
  cpuMs: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
  after(ms, task) {
    const timer = setTimeout(task, ms);
    // A gateway that has stopped must not wait for it.
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export class LoopMeter {
  /** How late the timer fires by the clock: other processes' share of the machine counts as well. */
  readonly delaySeconds = new Histogram(LIMITS_SECONDS);
  /**
   * CPU time between two turns beyond the distance of short ones: what the loop's own work has made
   * others wait. The work of a long turn counts as one block, so that none is missed.
   */
  readonly blockSeconds = new Histogram(LIMITS_SECONDS);
  #readMs = 0;
  #lastMs = 0;
  #lastCpuMs = 0;
  #everyMs = EVERY_MS;
  #quietTurns = 0;
  /** Null: nothing is measured. */
  #cancelTurn: (() => void) | null = null;

  constructor(private readonly world: LoopMeterWorld = systemWorld) {}

  /** Starts measuring, or goes on for some minutes more. */
  keepRunning(): void {
    this.#readMs = this.world.monotonic();
    if (this.#cancelTurn !== null) return;
    this.#lastMs = this.#readMs;
    this.#lastCpuMs = this.world.cpuMs();
    this.#armShort();
  }

  /** Called for each call: where there is one, there may be more, which are worth short turns. */
  callEnded(): void {
    this.#quietTurns = 0;
    if (this.#everyMs === EVERY_MS || this.#cancelTurn === null) return;
    this.#cancelTurn();
    this.#lastMs = this.world.monotonic();
    this.#countWork();
    this.#armShort();
  }

  #armShort(): void {
    this.#quietTurns = 0;
    this.#arm(EVERY_MS);
  }

  #arm(everyMs: number): void {
    this.#everyMs = everyMs;
    this.#cancelTurn = this.world.after(everyMs, () => this.#turn());
  }

  #turn(): void {
    this.#cancelTurn = null;
    const nowMs = this.world.monotonic();
    this.delaySeconds.add(Math.max(0, nowMs - this.#lastMs - this.#everyMs) / 1000);
    this.#lastMs = nowMs;
    const workMs = this.#countWork();
    if (nowMs - this.#readMs >= UNREAD_MS) return;
    if (workMs >= (this.#everyMs === EVERY_MS ? WORK_MS : IDLE_WORK_MS)) this.#armShort();
    else this.#arm(++this.#quietTurns >= QUIET_TURNS ? IDLE_EVERY_MS : EVERY_MS);
  }

  /** The CPU time since this was last counted, in milliseconds. */
  #countWork(): number {
    const cpuMs = this.world.cpuMs();
    const workMs = cpuMs - this.#lastCpuMs;
    this.#lastCpuMs = cpuMs;
    this.blockSeconds.add(Math.max(0, workMs - EVERY_MS) / 1000);
    return workMs;
  }
}

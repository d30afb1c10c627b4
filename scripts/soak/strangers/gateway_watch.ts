/** What attacks cost a gateway: memory over time, CPU, and how long its event loop made others wait. */

import type { ClusterGateway } from "../../../tests/harness/cluster.ts";
import { limitOf, Reading } from "../../../tests/harness/metrics.ts";
import { quantile } from "../../bench/statistics.ts";

const EVERY_MS = 2_000;
const MIB = 1024 * 1024;

/** Until then, budgets fill, caches too, and code is compiled. */
const WARM_UP_SHARE = 0.4;
const LATE_SHARE = 0.7;

export interface WatchResult {
  url: string;
  /** In the beginning, and at most. */
  firstMiB: number;
  mostMiB: number;
  /** The median of the last part of the time, less that of the part after warming up. */
  grownMiB: number;
  cpuSeconds: number;
  /** Limits of the histograms in /metrics: by its own work, and by the clock. */
  longestBlockMs: number;
  p99DelayMs: number;
}

export class GatewayWatch {
  readonly #readings: Reading[] = [];
  readonly #timer = setInterval(() => void this.#look(), EVERY_MS);
  #looking: Promise<void>;

  private constructor(private readonly gateway: ClusterGateway) {
    this.#looking = this.#look();
  }

  static begin(gateway: ClusterGateway): GatewayWatch {
    return new GatewayWatch(gateway);
  }

  async end(): Promise<WatchResult> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#look();
    const [first, last] = [this.#readings[0]!, this.#readings.at(-1)!];
    const memory = this.#readings.map((one) => one.value("process_resident_memory_bytes") / MIB);
    const part = (from: number, to: number) =>
      quantile(memory.slice(Math.floor(from * memory.length), Math.ceil(to * memory.length)), 0.5);
    const limitMs = (name: string, share: number) =>
      1000 * limitOf(first.histogram(name), last.histogram(name), share);
    return {
      url: this.gateway.url,
      firstMiB: memory[0]!,
      mostMiB: Math.max(...memory),
      grownMiB: part(LATE_SHARE, 1) - part(WARM_UP_SHARE, LATE_SHARE),
      cpuSeconds: last.value("process_cpu_seconds_total") -
        first.value("process_cpu_seconds_total"),
      longestBlockMs: limitMs("colink_event_loop_block_seconds", 1),
      p99DelayMs: limitMs("colink_event_loop_delay_seconds", 0.99),
    };
  }

  #look(): Promise<void> {
    return this.#looking = Reading.of(this.gateway).then((reading) => {
      this.#readings.push(reading);
    }, () => {});
  }
}

export function shownWatch(watched: WatchResult): string {
  const { url, firstMiB, mostMiB, grownMiB, cpuSeconds, longestBlockMs, p99DelayMs } = watched;
  return `${url}: ${firstMiB.toFixed(0)} to ${mostMiB.toFixed(0)} MiB at most, ${
    grownMiB.toFixed(0)
  } MiB more in the last part than before it; ${
    cpuSeconds.toFixed(0)
  } s of CPU; loop blocked for ` +
    `${longestBlockMs} ms or less, delayed p99 ${p99DelayMs} ms or less`;
}

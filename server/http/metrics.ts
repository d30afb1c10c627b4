/** What /metrics tells: counts of calls, tokens and attempts, and gauges that are read when asked. */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { LedgerEntry } from "../store/store.ts";

/**
 * Counts in plain numbers, which are handed over when somebody asks: prom-client's own counters look
 * their labels up anew at every call.
 */
export class Metrics {
  readonly registry = new Registry();
  /** By what their labels say. */
  readonly #calls = new Map<string, { labels: Record<string, string>; count: number }>();
  readonly #tokens = { prompt: 0, completion: 0 };
  #attempts = 0;
  readonly #firstByte = new Histogram({
    name: "colink_first_byte_seconds",
    help: "From a call's arrival to the first byte of its answer",
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.registry],
  });

  /** `gauges` are read when somebody asks. */
  constructor(gauges: Record<string, { help: string; read: () => number }>) {
    this.#counter("colink_calls_total", "Calls that have ended, by outcome", {
      labelNames: ["endpoint", "outcome", "status"],
      read: () => [...this.#calls.values()],
    });
    this.#counter(
      "colink_tokens_total",
      "Tokens, as upstreams told them or as counted from chunks",
      {
        labelNames: ["kind"],
        read: () =>
          Object.entries(this.#tokens).map(([kind, count]) => ({ labels: { kind }, count })),
      },
    );
    this.#counter("colink_attempts_total", "Tries of calls on nodes", {
      labelNames: [],
      read: () => [{ labels: {}, count: this.#attempts }],
    });
    for (const [name, { help, read }] of Object.entries(gauges)) {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    }
  }

  callEnded(entry: LedgerEntry): void {
    this.#callsLike(entry).count++;
    this.#attempts += entry.attempts;
    this.#tokens.prompt += entry.promptTokens ?? 0;
    this.#tokens.completion += entry.completionTokens ?? 0;
    if (entry.firstByteMs !== null) this.#firstByte.observe(entry.firstByteMs / 1000);
  }

  #callsLike({ endpoint, outcome, status }: LedgerEntry): { count: number } {
    const key = `${endpoint} ${outcome} ${status}`;
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    const fresh = { labels: { endpoint, outcome, status: String(status) }, count: 0 };
    this.#calls.set(key, fresh);
    return fresh;
  }

  #counter(name: string, help: string, { labelNames, read }: {
    labelNames: string[];
    read: () => { labels: Record<string, string>; count: number }[];
  }): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { labels, count } of read()) this.inc(labels, count);
      },
    });
  }
}

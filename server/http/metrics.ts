/** What /metrics tells: counts of calls, tokens and attempts, and gauges that are read when asked. */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { LedgerEntry } from "../store/store.ts";

export class Metrics {
  readonly registry = new Registry();
  readonly #calls = new Counter({
    name: "colink_calls_total",
    help: "Calls that have ended, by outcome",
    labelNames: ["endpoint", "outcome", "status"],
    registers: [this.registry],
  });
  readonly #tokens = new Counter({
    name: "colink_tokens_total",
    help: "Tokens, as upstreams told them or as counted from chunks",
    labelNames: ["kind"],
    registers: [this.registry],
  });
  readonly #attempts = new Counter({
    name: "colink_attempts_total",
    help: "Tries of calls on nodes",
    registers: [this.registry],
  });
  readonly #firstByte = new Histogram({
    name: "colink_first_byte_seconds",
    help: "From a call's arrival to the first byte of its answer",
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.registry],
  });

  /** `gauges` are read when somebody asks. */
  constructor(gauges: Record<string, { help: string; read: () => number }>) {
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
    this.#calls.inc({
      endpoint: entry.endpoint,
      outcome: entry.outcome,
      status: String(entry.status),
    });
    this.#attempts.inc(entry.attempts);
    this.#tokens.inc({ kind: "prompt" }, entry.promptTokens ?? 0);
    this.#tokens.inc({ kind: "completion" }, entry.completionTokens ?? 0);
    if (entry.firstByteMs !== null) this.#firstByte.observe(entry.firstByteMs / 1000);
  }
}

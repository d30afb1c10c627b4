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
  readonly #promptTokens = this.#tokens.labels({ kind: "prompt" });
  readonly #completionTokens = this.#tokens.labels({ kind: "completion" });
  readonly #callsByLabels = new Map<string, Counter.Internal>();
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
    this.#callsLike(entry).inc();
    this.#attempts.inc(entry.attempts);
    this.#promptTokens.inc(entry.promptTokens ?? 0);
    this.#completionTokens.inc(entry.completionTokens ?? 0);
    if (entry.firstByteMs !== null) this.#firstByte.observe(entry.firstByteMs / 1000);
  }

  /** Looked up by a short text: hashing labels anew for every call costs more than counting it. */
  #callsLike({ endpoint, outcome, status }: LedgerEntry): Counter.Internal {
    const key = `${endpoint} ${outcome} ${status}`;
    const known = this.#callsByLabels.get(key);
    if (known !== undefined) return known;
    const counter = this.#calls.labels({ endpoint, outcome, status: String(status) });
    this.#callsByLabels.set(key, counter);
    return counter;
  }
}

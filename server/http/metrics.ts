/** What /metrics tells: counts of calls, tokens and attempts, and gauges that are read when asked. */

import type { LedgerEntry } from "../store/store.ts";
import { exposition, type Family, type Sample } from "./exposition.ts";

/** Read when somebody asks. */
export type Gauges = Readonly<Record<string, { help: string; read: () => number }>>;

/** A call must cost next to nothing here, so that it is counted in plain numbers: no library finds its labels anew. */
export class Metrics {
  readonly #gauges: Gauges;
  /** By what their labels say. */
  readonly #calls = new Map<string, { labels: Record<string, string>; value: number }>();
  readonly #tokens = { prompt: 0, completion: 0 };
  #attempts = 0;
  readonly #firstByteSeconds = new Buckets([
    0.01,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    300,
  ]);

  constructor(gauges: Gauges) {
    this.#gauges = gauges;
  }

  callEnded(entry: LedgerEntry): void {
    this.#callsLike(entry).value++;
    this.#attempts += entry.attempts;
    this.#tokens.prompt += entry.promptTokens ?? 0;
    this.#tokens.completion += entry.completionTokens ?? 0;
    if (entry.firstByteMs !== null) this.#firstByteSeconds.add(entry.firstByteMs / 1000);
  }

  /** For a scraper. */
  text(): string {
    return exposition([...this.#counts(), ...gaugeFamilies(this.#gauges)]);
  }

  #callsLike({ endpoint, outcome, status }: LedgerEntry): { value: number } {
    const key = `${endpoint} ${outcome} ${status}`;
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    const fresh = { labels: { endpoint, outcome, status: String(status) }, value: 0 };
    this.#calls.set(key, fresh);
    return fresh;
  }

  #counts(): Family[] {
    const tokens = Object.entries(this.#tokens).map(([kind, value]) => ({
      labels: { kind },
      value,
    }));
    return [
      {
        name: "colink_first_byte_seconds",
        type: "histogram",
        help: "From a call's arrival to the first byte of its answer",
        samples: this.#firstByteSeconds.samples(),
      },
      {
        name: "colink_calls_total",
        type: "counter",
        help: "Calls that have ended, by outcome",
        samples: [...this.#calls.values()],
      },
      {
        name: "colink_tokens_total",
        type: "counter",
        help: "Tokens, as upstreams told them or as counted from chunks",
        samples: tokens,
      },
      {
        name: "colink_attempts_total",
        type: "counter",
        help: "Tries of calls on nodes",
        samples: [{ value: this.#attempts }],
      },
    ];
  }
}

/** A histogram: how many values were at most so large. */
class Buckets {
  readonly #limits: readonly number[];
  /** Of each limit those that no lower one took; at the end those above all limits. */
  readonly #counts: number[];
  #sum = 0;

  constructor(limits: readonly number[]) {
    this.#limits = limits;
    this.#counts = Array.from({ length: limits.length + 1 }, () => 0);
  }

  add(value: number): void {
    let index = 0;
    while (value > (this.#limits[index] ?? Infinity)) index++;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  samples(): Sample[] {
    let upTo = 0;
    const buckets = this.#counts.map((count, index) => {
      const le = String(this.#limits[index] ?? "+Inf");
      return { suffix: "_bucket", labels: { le }, value: upTo += count };
    });
    return [
      ...buckets,
      { suffix: "_sum", value: this.#sum },
      { suffix: "_count", value: upTo },
    ];
  }
}

function gaugeFamilies(gauges: Gauges): Family[] {
  return Object.entries(gauges).map(([name, { help, read }]) => ({
    name,
    type: "gauge",
    help,
    samples: [{ value: read() }],
  }));
}

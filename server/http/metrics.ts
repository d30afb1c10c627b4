/** The figures of /metrics: counts of calls, tokens and attempts, and gauges. */

import type { Metric, Registry } from "prom-client";
import type { Budget, Budgets } from "../base/budgets.ts";
import type { LedgerEntry } from "../store/store.ts";
import { Histogram, type Sample } from "./histogram.ts";
import { LoopMeter } from "./loop_meter.ts";

/** By name; read at each scrape: one number, or one for each of a few fixed labels. */
export type Gauges = Readonly<Record<string, { help: string; read: () => number | Sample[] }>>;

/** All samples of one name, as prom-client's registry reads them. */
interface Family {
  name: string;
  type: "counter" | "gauge" | "histogram";
  help: string;
  samples: () => Sample[];
}

const FIRST_BYTE = "colink_first_byte_seconds";
const LOOP_DELAY = "colink_event_loop_delay_seconds";
const LOOP_BLOCK = "colink_event_loop_block_seconds";

/**
 * Counts calls in plain numbers: prom-client's counters would look up their labels for every call.
 * The library is loaded by the first scrape.
 */
export class Metrics {
  readonly #gauges: Gauges;
  readonly #budgets: Budgets;
  /** By endpoint, outcome and status. */
  readonly #calls = new Map<string, { labels: Record<string, string>; value: number }>();
  readonly #tokens = { prompt: 0, completion: 0 };
  #attempts = 0;
  readonly #firstByteSeconds = new Histogram(
    [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  );
  readonly #loop: LoopMeter;
  #registry: Promise<Registry> | null = null;

  constructor(gauges: Gauges, budgets: Budgets, loop = new LoopMeter()) {
    this.#gauges = gauges;
    this.#budgets = budgets;
    this.#loop = loop;
  }

  callEnded(entry: LedgerEntry): void {
    this.#callsLike(entry).value++;
    this.#attempts += entry.attempts;
    this.#tokens.prompt += entry.promptTokens ?? 0;
    this.#tokens.completion += entry.completionTokens ?? 0;
    if (entry.firstByteMs !== null) this.#firstByteSeconds.add(entry.firstByteMs / 1000);
    this.#loop.callEnded();
  }

  /** The figures as they are now, in the text format of Prometheus. */
  async scrape(): Promise<{ text: string; contentType: string }> {
    this.#loop.keepRunning();
    const registry = await (this.#registry ??= registryOf([
      ...this.#counts(),
      ...this.#loopFamilies(),
      ...this.#budgetFamilies(),
      ...this.#reads(),
    ]));
    return { text: await registry.metrics(), contentType: registry.contentType };
  }

  #callsLike({ endpoint, outcome, status }: LedgerEntry): { value: number } {
    const key = `${endpoint} ${outcome} ${status}`;
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    const added = { labels: { endpoint, outcome, status: String(status) }, value: 0 };
    this.#calls.set(key, added);
    return added;
  }

  #counts(): Family[] {
    return [
      {
        name: FIRST_BYTE,
        type: "histogram",
        help: "From a call's arrival to the first byte of its answer",
        samples: () => this.#firstByteSeconds.samples(FIRST_BYTE),
      },
      {
        name: "colink_calls_total",
        type: "counter",
        help: "Calls that have ended, by outcome",
        samples: () => [...this.#calls.values()],
      },
      {
        name: "colink_tokens_total",
        type: "counter",
        help: "Tokens as reported by upstreams or as counted from chunks",
        samples: () =>
          Object.entries(this.#tokens).map(([kind, value]) => ({ labels: { kind }, value })),
      },
      {
        name: "colink_attempts_total",
        type: "counter",
        help: "Attempts at calls on nodes",
        samples: () => [{ value: this.#attempts }],
      },
    ];
  }

  #loopFamilies(): Family[] {
    const { delaySeconds, blockSeconds } = this.#loop;
    return [
      {
        name: LOOP_DELAY,
        type: "histogram",
        help: "How late a timer of the event loop fires, a busy machine's part included",
        samples: () => delaySeconds.samples(LOOP_DELAY),
      },
      {
        name: LOOP_BLOCK,
        type: "histogram",
        help: "The part of that which the event loop's own work has caused, as CPU time",
        samples: () => blockSeconds.samples(LOOP_BLOCK),
      },
    ];
  }

  #budgetFamilies(): Family[] {
    const samples = (valueOf: (budget: Budget) => number | undefined) => () =>
      this.#budgets.all.flatMap((budget) => {
        const value = valueOf(budget);
        return value === undefined ? [] : [{ labels: { budget: budget.name }, value }];
      });
    return [
      {
        name: "colink_budget_used",
        type: "gauge",
        help: "Used of each budget; of participants' budgets, by the one that uses most",
        samples: samples(({ size }) => size.used?.()),
      },
      {
        name: "colink_budget_limit",
        type: "gauge",
        help: "The size of each budget",
        samples: samples(({ size }) => size.limit),
      },
      {
        name: "colink_budget_refusals_total",
        type: "counter",
        help: "What was refused because a budget was used up",
        samples: samples(({ refusals }) => refusals),
      },
    ];
  }

  #reads(): Family[] {
    return Object.entries(this.#gauges).map(([name, { help, read }]) => ({
      name,
      type: "gauge",
      help,
      samples: () => {
        const value = read();
        return typeof value === "number" ? [{ value }] : value;
      },
    }));
  }
}

async function registryOf(families: readonly Family[]): Promise<Registry> {
  const { Registry } = await import("prom-client");
  const registry = new Registry();
  for (const { samples, ...family } of families) {
    // A registry calls nothing of a metric but `get`; prom-client's own classes keep counts themselves.
    const metric = { name: family.name, get: () => ({ ...family, values: samples() }) };
    registry.registerMetric(metric as unknown as Metric);
  }
  return registry;
}

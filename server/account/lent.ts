/** What nodes gave: adds up what they report, and shows it to their owners by day, never by caller. */

import type { LentDayView, LentView } from "../../api/mod.ts";
import { type LentReport, nodeMessage, readNodeMessage } from "../../protocol/mod.ts";
import { type Clock, DAY_MS } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import type { LentSum, LentSumName } from "../store/lent.ts";
import { PeriodicTask } from "../store/periodic_task.ts";
import type { Store } from "../store/store.ts";

export interface LentBookOptions {
  store: Pick<Store, "lent">;
  clock: Clock;
  log: Log;
}

const WRITE_EVERY_MS = 30_000;

/** A node reports once a minute; what was not reported for lack of a connection comes later. */
const MAX_REPORTED_S = 60 * 60;
/** More than the largest machines draw. */
const MAX_WATTS = 50_000;

/** Different reasons that are kept of one node's day. */
const MAX_REASONS = 20;
const OTHER_REASONS = nodeMessage("other");
const MAX_REASON_CHARS = 200;

/** Nodes whose reasons of the day are remembered. */
const MAX_NODES = 20_000;
/** Sums that wait while the database is away; further ones are dropped. */
const MAX_WAITING = 100_000;

export class LentBook {
  readonly #task: PeriodicTask;
  /** By node, day and name. */
  #waiting = new Map<string, LentSum>();
  readonly #reasons = new LruCache<string, { day: number; names: Set<string> }>(MAX_NODES);

  constructor(private readonly options: LentBookOptions) {
    this.#task = new PeriodicTask({
      everyMs: WRITE_EVERY_MS,
      run: () => this.#write(),
      failure: "cannot write down what nodes gave",
      clock: options.clock,
      log: options.log,
    });
  }

  start(): void {
    this.#task.start();
  }

  /** Writes what is waiting, for the last time. */
  async close(): Promise<void> {
    await this.#task.close();
    await this.#write().catch(() => {});
  }

  /** Adds a node's report to its day. Impossible figures are cut: they are its owner's alone to see. */
  reported(nodeId: string, { open_s, closed_s, refused, energy_j }: LentReport): void {
    const day = this.#today();
    const add = (what: LentSumName, amount: number, most: number) =>
      this.#add({ nodeId, day, what, amount: Math.min(amount, most) });
    add("open_s", open_s, MAX_REPORTED_S);
    add("refused", refused, 1e6);
    // Zero is kept: it says that the processors tell what they use.
    if (energy_j !== undefined) add("energy_j", energy_j, MAX_REPORTED_S * MAX_WATTS);
    for (const [reason, seconds] of Object.entries(closed_s)) {
      add(`closed_s:${this.#reasonOf(nodeId, day, reason)}`, seconds, MAX_REPORTED_S);
    }
  }

  /** The node's last `days` days, the newest first; days on which nothing was are left out. */
  async ofNode(nodeId: string, days: number): Promise<LentView> {
    const since = this.#today() - (days - 1) * DAY_MS;
    await this.#write();
    const { sums, usage } = await this.options.store.lent.ofNode(nodeId, since);
    const byDay = new Map<number, LentDayView>();
    const viewOf = (day: number): LentDayView => {
      const view = byDay.get(day) ?? emptyDay(day);
      byDay.set(day, view);
      return view;
    };
    for (const { day, what, amount } of sums) addSum(viewOf(day), what, amount);
    for (const { day, route, calls, promptTokens, completionTokens } of usage) {
      viewOf(day).served[route] = {
        calls,
        prompt_tokens: promptTokens,
        completion_tokens: completionTokens,
      };
    }
    return { days: [...byDay.values()].sort((a, b) => b.day - a.day) };
  }

  #today(): number {
    return Math.floor(this.options.clock.now() / DAY_MS) * DAY_MS;
  }

  /** A node may name ever new reasons: no more than some are kept of a day. */
  #reasonOf(nodeId: string, day: number, reason: string): string {
    let known = this.#reasons.get(nodeId);
    if (known?.day !== day) this.#reasons.set(nodeId, known = { day, names: new Set() });
    const name = reason.slice(0, MAX_REASON_CHARS);
    if (!known.names.has(name) && known.names.size >= MAX_REASONS) return OTHER_REASONS;
    known.names.add(name);
    return name;
  }

  #add(sum: LentSum): void {
    const key = `${sum.nodeId}\n${sum.day}\n${sum.what}`;
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) waiting.amount += sum.amount;
    else if (this.#waiting.size < MAX_WAITING) this.#waiting.set(key, sum);
  }

  async #write(): Promise<void> {
    if (this.#waiting.size === 0) return;
    const written = this.#waiting;
    this.#waiting = new Map();
    try {
      await this.options.store.lent.add([...written.values()]);
    } catch (error) {
      for (const sum of written.values()) this.#add(sum);
      throw error;
    }
  }
}

function emptyDay(day: number): LentDayView {
  const none = () => ({ calls: 0, prompt_tokens: 0, completion_tokens: 0 });
  return {
    day,
    open_s: 0,
    closed: [],
    refused: 0,
    energy_j: null,
    served: { own: none(), group: none(), any: none() },
  };
}

function addSum(view: LentDayView, what: LentSumName, amount: number): void {
  switch (what) {
    case "open_s":
      view.open_s = amount;
      return;
    case "refused":
      view.refused = amount;
      return;
    case "energy_j":
      view.energy_j = amount;
      return;
    default: {
      const reason = what.slice("closed_s:".length);
      view.closed.push({ reason, message: readNodeMessage(reason), seconds: amount });
    }
  }
}

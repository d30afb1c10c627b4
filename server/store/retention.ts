/** Deletes rows that are older than their retention time: a little at a time, so that other queries do not wait. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { PeriodicTask } from "./periodic_task.ts";
import type { Store } from "./store.ts";
import { EVERYONE } from "./usage_rollup.ts";

export interface RetentionOptions {
  store: Pick<
    Store,
    "calls" | "usage" | "users" | "nodes" | "lent" | "sessions" | "audit" | "sharedItems"
  >;
  clock: Clock;
  log: Log;
  /** How long the ledger keeps calls; 0: without limit. */
  ledgerMs: number;
  /** How long rollups by the minute are kept; 0: without limit. */
  minutesMs: number;
  /** How long the audit log is kept; 0: without limit. */
  auditMs: number;
  /** Nodes of one account that are remembered. */
  rememberedNodes: number;
  /** Public ids of the nodes that are connected to this gateway now. */
  connectedNodes: () => readonly string[];
}

const EVERY_MS = 10 * 60_000;
const FAILURE = "cannot delete old rows";
/** The pause after a full chunk, for other queries. */
const PAUSE_MS = 200;

const ROWS_PER_CHUNK = 1_000;
const ACCOUNTS_PER_CHUNK = 100;
/** Each with its timeline. */
const NODES_PER_CHUNK = 50;

/** How long nodes' timelines are kept, and nodes that do not come back. */
const EVENTS_MS = 90 * 24 * 60 * 60_000;

/** How long it is kept what a node gave on a day. */
const LENT_MS = 400 * 24 * 60 * 60_000;

/** How often it is noted that a node is still connected. */
const SEEN_EVERY_MS = 24 * 60 * 60_000;
const SEEN_PER_CHUNK = 500;
/** A node that was not seen for so long, and has not left, was connected to a gateway that has crashed. */
const UNSEEN_MS = 3 * SEEN_EVERY_MS;

export class Retention {
  readonly #options: RetentionOptions;
  readonly #task: PeriodicTask;

  constructor(options: RetentionOptions) {
    this.#options = options;
    const { clock, log } = options;
    const run = () => this.run();
    this.#task = new PeriodicTask({ everyMs: EVERY_MS, run, failure: FAILURE, clock, log });
  }

  start(): void {
    this.#task.start();
  }

  /** Resolves when the statement that is under way has ended. */
  close(): Promise<void> {
    return this.#task.close();
  }

  /** Removes everything that is due. */
  async run(): Promise<void> {
    const { store, clock, ledgerMs, minutesMs, auditMs } = this.#options;
    if (ledgerMs > 0) await this.#pruneRows(store.calls, clock.now() - ledgerMs);
    if (auditMs > 0) await this.#pruneRows(store.audit, clock.now() - auditMs);
    if (minutesMs > 0) await this.#pruneMinutes(clock.now() - minutesMs);
    await store.nodes.prune(clock.now() - EVENTS_MS);
    await this.#pruneNodes(clock.now() - EVENTS_MS);
    await store.lent.prune(clock.now() - LENT_MS);
    await store.sessions.prune(clock.now());
    await store.sharedItems.removeExpired(clock.now());
  }

  #pruneRows(table: Pick<Store["calls" | "audit"], "prune">, before: number): Promise<void> {
    return this.#inChunks((limit) => table.prune(before, limit));
  }

  /** Until fewer rows were left than a chunk has. */
  async #inChunks(
    prune: (limit: number) => Promise<number>,
    limit = ROWS_PER_CHUNK,
  ): Promise<void> {
    while (!this.#task.isClosed && await prune(limit) === limit) await this.#pause();
  }

  /** Whatever becomes of a gateway, the rows of its nodes are noted as gone in the end. */
  async #noteConnected(): Promise<void> {
    const { store: { nodes }, clock, connectedNodes } = this.#options;
    const at = clock.now();
    const ids = connectedNodes();
    for (let i = 0; i < ids.length && !this.#task.isClosed; i += SEEN_PER_CHUNK) {
      if (i > 0) await this.#pause();
      const some = ids.slice(i, i + SEEN_PER_CHUNK);
      await nodes.stillSeen(some, { at, before: at - SEEN_EVERY_MS });
    }
    await nodes.endUnseen(at - UNSEEN_MS);
  }

  async #pruneNodes(before: number): Promise<void> {
    const { store: { nodes }, rememberedNodes } = this.#options;
    await this.#noteConnected();
    await this.#inChunks((limit) => nodes.pruneOwnerless(limit), NODES_PER_CHUNK);
    await this.#inChunks((limit) => nodes.pruneGone(before, limit), NODES_PER_CHUNK);
    for (const { accountId, nodes: count } of await nodes.crowded(rememberedNodes)) {
      let left = count - rememberedNodes;
      await this.#inChunks(async (limit) => {
        const forgotten = await nodes.pruneOf(accountId, Math.min(limit, left));
        left -= forgotten;
        return left > 0 ? forgotten : 0;
      }, NODES_PER_CHUNK);
    }
  }

  async #pruneMinutes(before: number): Promise<void> {
    const { usage, users } = this.#options.store;
    await usage.pruneMinutes([EVERYONE], before);
    for (let last = ""; !this.#task.isClosed;) {
      const ids = await users.ids(last, ACCOUNTS_PER_CHUNK);
      if (ids.length > 0) await usage.pruneMinutes(ids, before);
      if (ids.length < ACCOUNTS_PER_CHUNK) return;
      last = ids.at(-1) ?? "";
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(PAUSE_MS, resolve));
  }
}

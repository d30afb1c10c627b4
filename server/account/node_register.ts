/**
 * What outlives a node's connection: what it was called and offered, what was decided about it, and
 * its timeline. Written behind the connection's back, in batches; decided things are read by every
 * gateway within seconds.
 */

import type { NodeEventKind, NodeGone } from "../../api/mod.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import { type Log, silentLog } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import type { NodeDeparture, NodeEventRow, NodeOrder, NodeSighting } from "../store/nodes.ts";
import type { Store } from "../store/store.ts";
import { randomChars } from "./tokens.ts";

/** A connected node, as far as decisions about it go. */
export interface HeldNode {
  /** Public. */
  readonly id: string;
  /** UTC milliseconds. */
  readonly connectedAt: number;
}

/** What is decided about a connected node, in the order of who has the last word. */
export interface NodeStanding {
  label: string | null;
  hold: "unapproved" | "paused" | "draining" | null;
}

/** One thing that happened to a node. */
export interface NodeHappening {
  kind: NodeEventKind;
  code?: string | null;
  model?: string | null;
  detail?: string | null;
  until?: number | null;
}

export interface NodeRegisterOptions {
  store: Pick<Store, "nodes">;
  /** Whether nodes wait for approval, as it is now. */
  needsApproval: () => boolean;
  log?: Log;
  now?: () => number;
  /** Calls back after so many milliseconds; the answer takes that back. */
  after?: Clock["after"];
}

/** What was decided on one gateway counts on all others within this. */
const POLL_MS = 2000;
/** Longer than a decision can take from its stamp to its commit. */
const OVERLAP_MS = 10_000;
const MAX_ORDERS = 100_000;

const WRITE_DELAY_MS = 250;
/** What follows a write that has not taken all: others get their turn. */
const BREATH_MS = 20;
const RETRY_DELAY_MS = 2000;
/** So many nodes and lines are written at once: when thousands come back together, calls go on. */
const NODES_PER_WRITE = 100;
const LINES_PER_WRITE = 200;
/** Lines, and nodes, that wait for a database that is away; the oldest are let go. */
const MAX_WAITING = 30_000;

/** Lines that are kept of one node's timeline, and how many more there may be before they are cut. */
export const TIMELINE_LINES = 200;
const TRIM_EVERY = 50;

const MAX_REMEMBERED = 10_000;

export class NodeRegister {
  readonly #options: Required<NodeRegisterOptions>;
  readonly #orders = new Map<string, NodeOrder>();
  readonly #gone = new LruCache<string, NodeGone>(MAX_REMEMBERED);
  /** Lines added since a node's timeline was cut. */
  readonly #added = new LruCache<string, number>(MAX_REMEMBERED);
  /** By node: what it was and whether it left, in the order in which they were first heard of. */
  readonly #states = new Map<string, NodeState>();
  #lines: NodeEventRow[] = [];
  #isWriting = false;
  #lastWrite: Promise<void> = Promise.resolve();
  #lost = 0;
  #since = 0;
  #isClosed = false;
  #cancelPoll: () => void = () => {};
  #cancelWrite: (() => void) | null = null;

  /** Called when something was decided about these nodes, here or elsewhere; null: about all. */
  onDecided: (nodeIds: readonly string[] | null) => void = () => {};

  constructor(options: NodeRegisterOptions) {
    this.#options = { log: silentLog, now: Date.now, after: systemClock.after, ...options };
  }

  /** Reads what is decided, and goes on doing so. Does not fail while the store is away. */
  start(): Promise<void> {
    return this.#poll();
  }

  /** Writes what is waiting, for the last time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelPoll();
    this.#cancelWrite?.();
    // What it cannot write waits again.
    await this.#lastWrite;
    let before = Infinity;
    // As long as it helps: a database that is away takes nothing.
    while (this.#isAnyWaiting && this.#states.size + this.#lines.length < before) {
      before = this.#states.size + this.#lines.length;
      await this.#write();
    }
  }

  /** What is decided about a node that connected then. */
  standing({ id, connectedAt }: HeldNode): NodeStanding {
    const order = this.#orders.get(id);
    return { label: order?.label ?? null, hold: this.#hold(order, connectedAt) };
  }

  #hold(order: NodeOrder | undefined, connectedAt: number): NodeStanding["hold"] {
    if (this.#options.needsApproval() && (order?.approvedAt ?? null) === null) return "unapproved";
    if (order === undefined) return null;
    if (order.pausedAt !== null) return "paused";
    return order.drainedAt !== null && order.drainedAt > connectedAt ? "draining" : null;
  }

  /** The node has connected, or offers something else now. */
  seen(sighting: Omit<NodeSighting, "at">): void {
    this.#gone.delete(sighting.id);
    const at = this.#options.now();
    this.#note(sighting.id, { sighting: { ...sighting, at }, departure: null });
  }

  /** The node's connection has ended so. */
  left(id: string, code: NodeGone["code"], closeCode: number): void {
    const at = this.#options.now();
    this.#gone.set(id, { at, code, close_code: closeCode });
    const sighting = this.#states.get(id)?.sighting ?? null;
    this.#note(id, { sighting, departure: { id, at, code, closeCode } });
    this.happened(id, { kind: "disconnected", code });
  }

  /** How the node's last connection here ended, if that is remembered. */
  goneOf(id: string): NodeGone | null {
    return this.#gone.get(id) ?? null;
  }

  /** Adds a line to the node's timeline. */
  happened(
    nodeId: string,
    { kind, code = null, model = null, detail = null, until = null }: NodeHappening,
  ): void {
    const id = `evt_${randomChars(22)}`;
    const at = this.#options.now();
    this.#lines.push({ id, nodeId, at, kind, code, model, detail, until });
    if (this.#lines.length > MAX_WAITING) this.#lose(this.#lines.splice(0, LINES_PER_WRITE).length);
    this.#schedule(WRITE_DELAY_MS);
  }

  /** Heeds at once what was just decided here. */
  decided(order: NodeOrder): void {
    const { id, label, pausedAt, drainedAt, approvedAt } = order;
    this.#orders.set(id, { id, label, pausedAt, drainedAt, approvedAt });
    this.onDecided([id]);
  }

  /** Reads what was decided since it was last read. Throws `store_unavailable`. */
  async refresh(): Promise<void> {
    const { nodes } = this.#options.store;
    const { changes, now } = await nodes.decidedSince(this.#since, MAX_ORDERS);
    this.#since = now - OVERLAP_MS;
    const fresh = changes.map(({ at: _, ...order }) => order).filter((order) =>
      JSON.stringify(order) !== JSON.stringify(this.#orders.get(order.id))
    );
    for (const order of fresh) this.#orders.set(order.id, order);
    if (fresh.length > 0) this.onDecided(fresh.map(({ id }) => id));
  }

  async #poll(): Promise<void> {
    const { log, after } = this.#options;
    try {
      await this.refresh();
    } catch (error) {
      // The next poll begins where this one would have. An outage is for the ledger to report.
      if (!isAway(error)) log.error({ err: error }, "cannot read what is decided about nodes");
    } finally {
      if (!this.#isClosed) this.#cancelPoll = after(POLL_MS, () => void this.#poll());
    }
  }

  #note(id: string, state: NodeState): void {
    this.#states.set(id, state);
    const [oldest] = this.#states.keys();
    if (this.#states.size > MAX_WAITING && oldest !== undefined) {
      this.#states.delete(oldest);
      this.#lose(1);
    }
    this.#schedule(WRITE_DELAY_MS);
  }

  #schedule(delayMs: number): void {
    if (this.#cancelWrite !== null || this.#isWriting || this.#isClosed) return;
    this.#cancelWrite = this.#options.after(delayMs, () => {
      this.#cancelWrite = null;
      this.#lastWrite = this.#write();
    });
  }

  get #isAnyWaiting(): boolean {
    return this.#states.size > 0 || this.#lines.length > 0;
  }

  /** One write; what is left follows in another. */
  async #write(): Promise<void> {
    if (!this.#isAnyWaiting) return;
    const states = [...this.#states].slice(0, NODES_PER_WRITE);
    for (const [id] of states) this.#states.delete(id);
    const lines = this.#lines.splice(0, LINES_PER_WRITE);
    this.#isWriting = true;
    const isWritten = await this.#toStore(states, lines);
    this.#isWriting = false;
    if (this.#isAnyWaiting) this.#schedule(isWritten ? BREATH_MS : RETRY_DELAY_MS);
  }

  /** False: the database is away, and all of it waits again. */
  async #toStore(
    states: readonly (readonly [string, NodeState])[],
    events: NodeEventRow[],
  ): Promise<boolean> {
    const { store, log } = this.#options;
    try {
      await store.nodes.write({
        sightings: states.flatMap(([, { sighting }]) => sighting ?? []),
        departures: states.flatMap(([, { departure }]) => departure ?? []),
        events,
      });
      await this.#trim(events);
      return true;
    } catch (error) {
      if (isAway(error)) {
        this.#putBack(states, events);
        return false;
      }
      log.error({ err: error }, "cannot write down what nodes did");
      return true;
    }
  }

  async #trim(events: readonly NodeEventRow[]): Promise<void> {
    for (const { nodeId } of events) this.#added.set(nodeId, (this.#added.get(nodeId) ?? 0) + 1);
    const long = [...new Set(events.map(({ nodeId }) => nodeId))]
      .filter((id) => (this.#added.get(id) ?? 0) >= TRIM_EVERY);
    for (const id of long) this.#added.set(id, 0);
    await this.#options.store.nodes.trim(long, TIMELINE_LINES);
  }

  /** What was heard of a node meanwhile is newer. */
  #putBack(states: readonly (readonly [string, NodeState])[], events: NodeEventRow[]): void {
    for (const [id, { sighting, departure }] of states) {
      const newer = this.#states.get(id);
      if (newer === undefined) this.#note(id, { sighting, departure });
      else newer.sighting ??= sighting;
    }
    this.#lines.unshift(...events);
    this.#lose(this.#lines.splice(0, Math.max(0, this.#lines.length - MAX_WAITING)).length);
  }

  /** Logged at the first, and again each time their number has doubled. */
  #lose(lines: number): void {
    const before = this.#lost;
    this.#lost += lines;
    if (lines === 0 || this.#lost < before * 2) return;
    this.#options.log.warn({ lines: this.#lost }, "what nodes did was not written down");
  }
}

/** What is to be written of a node: as it was seen last, and how it left if it did after that. */
interface NodeState {
  sighting: NodeSighting | null;
  departure: NodeDeparture | null;
}

function isAway(error: unknown): boolean {
  return error instanceof ColinkError && error.code === "store_unavailable";
}

/**
 * What the gateway keeps of nodes beyond their connections: name and offer, the slots that they have
 * earned, decisions of owners and administrators, and a timeline. Written in the background, in
 * batches; a decision made on one gateway reaches the others within seconds.
 */

import type { NodeEventKind, NodeGone } from "../../api/mod.ts";
import type { Budget } from "../base/budgets.ts";
import { type Clock, HOUR_MS } from "../base/clock.ts";
import { Emitter } from "../base/emitter.ts";
import type { Log } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import { newId } from "../base/new_id.ts";
import { isStoreUnavailable } from "../store/backend.ts";
import { ChangePoll } from "../store/change_poll.ts";
import type {
  DecidedNode,
  NodeDeparture,
  NodeEventRow,
  NodeOrder,
  NodeSighting,
} from "../store/nodes.ts";
import type { Store } from "../store/store.ts";

/** A connected node, as far as decisions depend on it. */
export interface ConnectedNode {
  /** Public. */
  readonly id: string;
  /** UTC milliseconds. */
  readonly connectedAt: number;
}

/** The decisions in force for a connected node. */
export interface NodeStanding {
  label: string | null;
  /** Why the node gets no calls; where several reasons hold, the first of this list. */
  hold: "unapproved" | "paused" | "draining" | null;
  /** When a pause ends by itself, in UTC milliseconds; null: it has no known end. */
  heldUntil: number | null;
  /** Whether an administrator has approved it. */
  isTrusted: boolean;
}

/** An event of a node's timeline. */
export interface TimelineEvent {
  kind: NodeEventKind;
  code?: string | null;
  model?: string | null;
  detail?: string | null;
  until?: number | null;
}

export interface NodeRegisterOptions {
  store: Pick<Store, "nodes">;
  /** Nodes of one account that may be stored within an hour. */
  rememberedNodes: number;
  budget: Budget;
  /** Whether nodes wait for approval now. */
  needsApproval: () => boolean;
  clock: Clock;
  log: Log;
}

/** Decisions read at a time. */
const MAX_DECISIONS = 100_000;

const WRITE_DELAY_MS = 250;
/** The pause between two batches, for other work on the database. */
const PAUSE_MS = 20;
const RETRY_DELAY_MS = 2000;
/** Batches stay small: when thousands of nodes reconnect together, calls go on. */
const NODES_PER_WRITE = 100;
const EVENTS_PER_WRITE = 200;
/** Nodes, and events, that wait while the database is away; beyond this the oldest are dropped. */
const MAX_WAITING = 30_000;

/** Events kept of one node's timeline, and how many more are added before it is trimmed again. */
export const TIMELINE_EVENTS = 200;
const TRIM_EVERY = 50;

/** The longest time that a timer of the runtime takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Nodes whose earned slots are held in memory. */
const MAX_EARNED = 50_000;

const MAX_REMEMBERED = 10_000;
const MAX_ACCOUNTS = 1000;

interface Remembered {
  /** Monotonic milliseconds. */
  sinceMs: number;
  ids: Set<string>;
}

export class NodeRegister {
  /** Emits the ids of nodes about which something was decided, on any gateway. */
  readonly decisions = new Emitter<[nodeIds: readonly string[]]>();

  readonly #options: NodeRegisterOptions;
  readonly #poll: ChangePoll<DecidedNode>;
  readonly #orders = new Map<string, NodeOrder>();
  /** By node id: what cancels the end of its pause. */
  readonly #ends = new Map<string, () => void>();
  readonly #gone = new LruCache<string, NodeGone>(MAX_REMEMBERED);
  /** By account: the nodes that may be stored in this hour. */
  readonly #remembered = new LruCache<string, Remembered>(MAX_ACCOUNTS);
  /** Nodes that are not stored, because their account has reached its number. */
  readonly #unremembered = new LruCache<string, true>(MAX_REMEMBERED);
  /** By node id: the slots that are stored, or wait to be. */
  readonly #earned = new LruCache<string, { slots: number; lastSeenAt: number }>(MAX_EARNED);
  /** Events added since a node's timeline was trimmed. */
  readonly #added = new LruCache<string, number>(MAX_REMEMBERED);
  /** By node id, oldest first. */
  readonly #states = new Map<string, NodeState>();
  #events: NodeEventRow[] = [];
  #isWriting = false;
  #lastWrite: Promise<void> = Promise.resolve();
  #dropped = 0;
  /** `#dropped` when it was last logged. */
  #reportedDropped = 0;
  #isClosed = false;
  #cancelWrite: (() => void) | null = null;

  constructor(options: NodeRegisterOptions) {
    this.#options = options;
    const { store, clock, log } = options;
    this.#poll = new ChangePoll<DecidedNode>({
      read: (since) => store.nodes.decidedSince(since, MAX_DECISIONS),
      deliver: (nodes) => this.#apply(nodes),
      from: "beginning",
      failure: "cannot read what is decided about nodes",
      clock,
      log,
    });
  }

  /**
   * Reads what nodes have earned and all decisions, and from then on new ones. Does not fail while the
   * store is away.
   */
  async start(): Promise<void> {
    await Promise.all([this.#poll.start(), this.#readEarned()]);
  }

  async #readEarned(): Promise<void> {
    const { store, log } = this.#options;
    try {
      const rows = await store.nodes.earnedSlots(MAX_EARNED);
      // Those seen last are evicted last.
      for (const { id, slots, lastSeenAt } of rows.reverse()) {
        this.#earned.set(id, { slots, lastSeenAt });
      }
    } catch (error) {
      log.warn({ err: error }, "cannot read what nodes have earned: their shares start over");
    }
  }

  /** Writes what is waiting, for the last time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelWrite?.();
    for (const cancel of this.#ends.values()) cancel();
    await this.#poll.close();
    await this.#lastWrite;
    // A batch that fails is put back: stop once a write has stored nothing.
    let before = Infinity;
    while (this.#waiting > 0 && this.#waiting < before) {
      before = this.#waiting;
      await this.#write();
    }
  }

  /** The decisions in force for a connected node. */
  standing({ id, connectedAt }: ConnectedNode): NodeStanding {
    const order = this.#orders.get(id);
    const hold = this.#hold(order, connectedAt);
    return {
      label: order?.label ?? null,
      hold,
      heldUntil: hold === "paused" ? order?.pausedUntil ?? null : null,
      isTrusted: (order?.approvedAt ?? null) !== null,
    };
  }

  #hold(order: NodeOrder | undefined, connectedAt: number): NodeStanding["hold"] {
    if (this.#options.needsApproval() && (order?.approvedAt ?? null) === null) return "unapproved";
    if (order === undefined) return null;
    if (isPaused(order, this.#options.clock.now())) return "paused";
    return order.drainedAt !== null && order.drainedAt > connectedAt ? "draining" : null;
  }

  /** Records that a node has connected, or has changed its offer. */
  seen(sighting: Omit<NodeSighting, "at">): void {
    this.#gone.delete(sighting.id);
    if (!this.#mayRemember(sighting)) return;
    const at = this.#options.clock.now();
    this.#note(sighting.id, { sighting: { ...sighting, at }, departure: null });
  }

  /** The slots that the node had earned when it was last connected, and how long ago that was; null: it never earned or lost one. */
  earnedSlots(id: string): { slots: number; awayMs: number } | null {
    const earned = this.#earned.peek(id);
    if (earned === undefined) return null;
    return { slots: earned.slots, awayMs: this.#options.clock.now() - earned.lastSeenAt };
  }

  /** Records that a connected node has earned so many slots. */
  hasEarned(id: string, slots: number): void {
    if (this.#earned.peek(id)?.slots === slots || !this.isRemembered(id)) return;
    this.#earned.set(id, { slots, lastSeenAt: this.#options.clock.now() });
    this.#note(id, { earned: slots });
  }

  /** Records the end of a node's connection. */
  left(id: string, code: NodeGone["code"], closeCode: number): void {
    const at = this.#options.clock.now();
    this.#gone.set(id, { at, code, close_code: closeCode });
    if (!this.isRemembered(id)) return;
    this.#note(id, { departure: { id, at, code, closeCode } });
    this.addEvent(id, { kind: "disconnected", code });
  }

  /** Whether the node may have rows of its own: not beyond its account's number. */
  isRemembered(id: string): boolean {
    return this.#unremembered.get(id) === undefined;
  }

  /** A program that dials under one new identity after the other gets no row for each. */
  #mayRemember({ id, accountId }: Pick<NodeSighting, "id" | "accountId">): boolean {
    const nowMs = this.#options.clock.monotonic();
    let remembered = this.#remembered.get(accountId);
    if (remembered === undefined || nowMs - remembered.sinceMs >= HOUR_MS) {
      this.#remembered.set(accountId, remembered = { sinceMs: nowMs, ids: new Set() });
    }
    const { ids } = remembered;
    if (ids.size < this.#options.rememberedNodes || ids.has(id)) {
      ids.add(id);
      this.#unremembered.delete(id);
      return true;
    }
    this.#unremembered.set(id, true);
    this.#options.budget.refused();
    return false;
  }

  /** How the node's last connection to this gateway ended; null: connected, or not remembered. */
  goneOf(id: string): NodeGone | null {
    return this.#gone.get(id) ?? null;
  }

  /** Adds an event to a node's timeline. */
  addEvent(
    nodeId: string,
    { kind, code = null, model = null, detail = null, until = null }: TimelineEvent,
  ): void {
    if (!this.isRemembered(nodeId)) return;
    const id = newId("evt_");
    const at = this.#options.clock.now();
    this.#events.push({ id, nodeId, at, kind, code, model, detail, until });
    if (this.#events.length > MAX_WAITING) {
      this.#drop(this.#events.splice(0, EVENTS_PER_WRITE).length);
    }
    this.#schedule(WRITE_DELAY_MS);
  }

  /** Applies a decision that was just made on this gateway. */
  decided(order: NodeOrder): void {
    this.#apply([order]);
  }

  /** Reads and applies the decisions that are stored now. Throws `store_unavailable`. */
  refresh(): Promise<void> {
    return this.#poll.refresh();
  }

  #apply(orders: readonly NodeOrder[]): void {
    for (const { id, label, pausedAt, pausedUntil, drainedAt, approvedAt } of orders) {
      const order = { id, label, pausedAt, pausedUntil, drainedAt, approvedAt };
      this.#orders.set(id, order);
      this.#endLater(order);
    }
    this.decisions.emit(orders.map(({ id }) => id));
  }

  /** Lets the hub look at the node again when its pause ends by itself. */
  #endLater(order: NodeOrder): void {
    const { clock } = this.#options;
    const { id, pausedUntil } = order;
    this.#ends.get(id)?.();
    this.#ends.delete(id);
    if (pausedUntil === null || !isPaused(order, clock.now()) || this.#isClosed) return;
    const waitMs = Math.min(pausedUntil - clock.now(), MAX_TIMER_MS);
    this.#ends.set(
      id,
      clock.after(waitMs, () => {
        this.#endLater(order);
        if (!this.#ends.has(id)) this.decisions.emit([id]);
      }),
    );
  }

  #note(id: string, change: Partial<NodeState>): void {
    this.#states.set(id, { ...UNCHANGED, ...this.#states.get(id), ...change });
    const [oldest] = this.#states.keys();
    if (this.#states.size > MAX_WAITING && oldest !== undefined) {
      this.#states.delete(oldest);
      this.#drop(1);
    }
    this.#schedule(WRITE_DELAY_MS);
  }

  #schedule(delayMs: number): void {
    if (this.#cancelWrite !== null || this.#isWriting || this.#isClosed) return;
    this.#cancelWrite = this.#options.clock.after(delayMs, () => {
      this.#cancelWrite = null;
      this.#lastWrite = this.#write();
    });
  }

  get #waiting(): number {
    return this.#states.size + this.#events.length;
  }

  /** Writes one batch, and schedules the next one if more is waiting. */
  async #write(): Promise<void> {
    if (this.#waiting === 0) return;
    const states = [...this.#states].slice(0, NODES_PER_WRITE);
    for (const [id] of states) this.#states.delete(id);
    const events = this.#events.splice(0, EVENTS_PER_WRITE);
    this.#isWriting = true;
    const isWritten = await this.#store(states, events);
    this.#isWriting = false;
    if (this.#waiting > 0) this.#schedule(isWritten ? PAUSE_MS : RETRY_DELAY_MS);
  }

  /** False: the database is away, and the batch waits again. */
  async #store(
    states: readonly (readonly [string, NodeState])[],
    events: NodeEventRow[],
  ): Promise<boolean> {
    const { store, log } = this.#options;
    try {
      await store.nodes.write({
        sightings: states.flatMap(([, { sighting }]) => sighting ?? []),
        earned: states.flatMap(([id, { earned: slots }]) => slots === null ? [] : { id, slots }),
        departures: states.flatMap(([, { departure }]) => departure ?? []),
        events,
      });
      await this.#trim(events);
      return true;
    } catch (error) {
      if (isStoreUnavailable(error)) {
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
    await this.#options.store.nodes.trim(long, TIMELINE_EVENTS);
  }

  /** A state that was noted since the batch was taken is newer. */
  #putBack(states: readonly (readonly [string, NodeState])[], events: NodeEventRow[]): void {
    for (const [id, state] of states) {
      const newer = this.#states.get(id);
      if (newer === undefined) this.#note(id, state);
      else {
        newer.sighting ??= state.sighting;
        newer.earned ??= state.earned;
      }
    }
    this.#events.unshift(...events);
    this.#drop(this.#events.splice(0, Math.max(0, this.#events.length - MAX_WAITING)).length);
  }

  /** Logs the first loss, and then each time the number has doubled. */
  #drop(count: number): void {
    this.#dropped += count;
    if (count === 0 || this.#dropped < this.#reportedDropped * 2) return;
    this.#reportedDropped = this.#dropped;
    this.#options.log.warn({ lines: this.#dropped }, "what nodes did was not written down");
  }
}

/** Whether a pause holds at that time, in UTC milliseconds. */
export function isPaused(
  { pausedAt, pausedUntil }: Pick<NodeOrder, "pausedAt" | "pausedUntil">,
  now: number,
): boolean {
  return pausedAt !== null && (pausedUntil === null || now < pausedUntil);
}

/** What is to be written of a node: its last sighting, the slots it has earned, and its departure if that came later. */
interface NodeState {
  sighting: NodeSighting | null;
  earned: number | null;
  departure: NodeDeparture | null;
}

const UNCHANGED: NodeState = { sighting: null, earned: null, departure: null };

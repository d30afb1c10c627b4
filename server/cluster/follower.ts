/** The other gateways' nodes: read from Redis once, then kept current by their messages. */

import type { Log } from "../base/log.ts";
import type { Bus, Message, NodeList, Presence } from "./bus.ts";
import type { NodeRecord } from "./node_record.ts";

/** A gateway's messages may lag behind its heartbeat; after this many heartbeats one is missing. */
const MAX_BEATS_BEHIND = 2;

export interface FollowerParts {
  bus: Pick<Bus, "read">;
  log: Log;
  /** A gateway has a node that is new or has changed. */
  onNode: (record: NodeRecord) => void;
  /** A gateway has lost a node. */
  onGone: (nodeId: string) => void;
}

/** A node and the gateway that it is connected to. */
export interface HeldNode {
  gateway: string;
  record: NodeRecord;
}

interface Followed {
  /** Sequence number of the last change applied; −1: nothing was read yet. */
  seq: number;
  nodes: Map<string, NodeRecord>;
  /** Whether the list was read while its gateway wrote it again: nodes of before may be in a later part. */
  isPartial: boolean;
  /** Heartbeats in a row that were ahead of `seq`. */
  beatsBehind: number;
  isReading: boolean;
  /** Whether a change was missed during the reading. */
  isStale: boolean;
}

export class Follower {
  readonly #gateways = new Map<string, Followed>();

  constructor(private readonly parts: FollowerParts) {}

  /**
   * Follows the live gateways and forgets the others, except those that `isKept` holds on to. Called
   * after each heartbeat.
   */
  reconcile(
    others: ReadonlyMap<string, Presence>,
    isKept: (gateway: string) => boolean,
  ): void {
    for (const [id, { seq }] of others) {
      const followed = this.#follow(id);
      followed.beatsBehind = seq > followed.seq ? followed.beatsBehind + 1 : 0;
      if (followed.seq < 0 || followed.beatsBehind >= MAX_BEATS_BEHIND) {
        void this.#read(id, followed);
      }
    }
    for (const id of this.#gateways.keys()) {
      if (!others.has(id) && !isKept(id)) this.#forget(id);
    }
  }

  receive({ from, change }: Extract<Message, { is: "nodes" }>): void {
    const followed = this.#gateways.get(from);
    // A gateway that is not followed yet is read after the next heartbeat.
    if (followed === undefined || change.seq <= followed.seq) return;
    if (change.seq !== followed.seq + 1 || followed.isReading) {
      followed.isStale = true;
      return void this.#read(from, followed);
    }
    followed.seq = change.seq;
    for (const record of change.put) this.#put(followed, record);
    for (const id of change.gone) this.#remove(followed, id);
    // Nodes that are not in the whole list have left while Redis was away.
    if (followed.isPartial && !change.hasMore) void this.#read(from, followed);
  }

  /** Reads all gateways' nodes again, because messages may have been lost. */
  rereadAll(): void {
    for (const [id, followed] of this.#gateways) void this.#read(id, followed);
  }

  /** The gateway that the node connected to last, among the other gateways. */
  latestHolder(nodeId: string): HeldNode | null {
    let latest: HeldNode | null = null;
    for (const [gateway, { nodes }] of this.#gateways) {
      const record = nodes.get(nodeId);
      if (record && (latest === null || record.sinceMs > latest.record.sinceMs)) {
        latest = { gateway, record };
      }
    }
    return latest;
  }

  /** Whether the gateway's nodes were read, all of them. */
  hasRead(gateway: string): boolean {
    const followed = this.#gateways.get(gateway);
    return followed !== undefined && followed.seq >= 0 && !followed.isPartial;
  }

  nodesOf(gateway: string): Iterable<NodeRecord> {
    return this.#gateways.get(gateway)?.nodes.values() ?? [];
  }

  #follow(id: string): Followed {
    let followed = this.#gateways.get(id);
    if (followed === undefined) {
      followed = {
        seq: -1,
        nodes: new Map(),
        isPartial: false,
        beatsBehind: 0,
        isReading: false,
        isStale: false,
      };
      this.#gateways.set(id, followed);
    }
    return followed;
  }

  #forget(id: string): void {
    const followed = this.#gateways.get(id);
    this.#gateways.delete(id);
    for (const nodeId of followed?.nodes.keys() ?? []) this.parts.onGone(nodeId);
  }

  async #read(id: string, followed: Followed): Promise<void> {
    if (followed.isReading) return;
    followed.isReading = true;
    try {
      do {
        followed.isStale = false;
        const list = await this.parts.bus.read(id);
        if (this.#gateways.get(id) !== followed) return;
        // A list behind the messages is of a Redis that has lost data: its gateway writes it again.
        if (list.seq >= followed.seq) this.#replace(followed, list);
      } while (followed.isStale);
      followed.beatsBehind = 0;
    } catch (error) {
      // Redis is away; a later heartbeat reads again.
      this.parts.log.debug({ gateway: id, cause: String(error) }, "cluster: cannot read nodes");
    } finally {
      followed.isReading = false;
    }
  }

  #replace(followed: Followed, { seq, nodes, hasMore }: NodeList): void {
    const left = new Set(followed.nodes.keys());
    for (const record of nodes) {
      const { who: { id }, seq: writtenAt = seq } = record;
      // Changes up to `followed.seq` are known: a record of before that is one that was put back.
      const isNew = writtenAt > followed.seq;
      if (!isNew && followed.nodes.get(id)?.seq !== record.seq) continue;
      left.delete(id);
      if (isNew) this.#put(followed, record);
    }
    followed.seq = seq;
    followed.isPartial = hasMore === true;
    if (hasMore) return;
    for (const nodeId of left) this.#remove(followed, nodeId);
  }

  #put(followed: Followed, record: NodeRecord): void {
    followed.nodes.set(record.who.id, record);
    this.parts.onNode(record);
  }

  #remove(followed: Followed, nodeId: string): void {
    if (followed.nodes.delete(nodeId)) this.parts.onGone(nodeId);
  }
}

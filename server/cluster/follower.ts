/** What the other gateways have published of their nodes: kept by what they tell, mended by looking. */

import type { Log } from "../base/log.ts";
import type { Bus, Message, Presence } from "./bus.ts";
import type { NodeRecord } from "./node_record.ts";

/** So many signs of life in a row may a gateway be ahead of what it has told, which is on its way. */
const PATIENCE = 2;

export interface FollowerParts {
  bus: Pick<Bus, "read">;
  log: Log;
  /** A gateway has a node that is new or has changed. */
  onNode: (record: NodeRecord) => void;
  /** A gateway has lost a node. */
  onGone: (nodeId: string) => void;
}

interface Followed {
  /** −1: nothing was read yet. */
  seq: number;
  nodes: Map<string, NodeRecord>;
  behind: number;
  isReading: boolean;
  /** Something was missed while it was being read. */
  isStale: boolean;
}

export class Follower {
  readonly #gateways = new Map<string, Followed>();

  constructor(private readonly parts: FollowerParts) {}

  /** The gateways that live, from time to time. `isKept`: one that is not among them is believed all the same. */
  roll(others: ReadonlyMap<string, Presence>, isKept: (gateway: string) => boolean): void {
    for (const [id, { seq }] of others) {
      const followed = this.#follow(id);
      const isBehind = seq > followed.seq;
      followed.behind = isBehind ? followed.behind + 1 : 0;
      if (followed.seq < 0 || followed.behind >= PATIENCE) void this.#read(id, followed);
    }
    for (const id of this.#gateways.keys()) {
      if (!others.has(id) && !isKept(id)) this.#forget(id);
    }
  }

  heard(message: Extract<Message, { is: "nodes" }>): void {
    const { from, change } = message;
    const followed = this.#gateways.get(from);
    // One that nobody has heard of is read when it is on the roll.
    if (followed === undefined || change.seq <= followed.seq) return;
    if (change.seq !== followed.seq + 1 || followed.isReading) {
      followed.isStale = true;
      return void this.#read(from, followed);
    }
    followed.seq = change.seq;
    for (const record of change.put) this.#put(followed, record);
    for (const id of change.gone) this.#remove(followed, id);
  }

  /** Whatever was told may have been missed. */
  missed(): void {
    for (const [id, followed] of this.#gateways) void this.#read(id, followed);
  }

  /** The gateway among all others that had the node last, as far as is known. */
  claimant(nodeId: string): { gateway: string; record: NodeRecord } | null {
    let latest: { gateway: string; record: NodeRecord } | null = null;
    for (const [gateway, { nodes }] of this.#gateways) {
      const record = nodes.get(nodeId);
      if (record && (latest === null || record.sinceMs > latest.record.sinceMs)) {
        latest = { gateway, record };
      }
    }
    return latest;
  }

  /** Whether the gateway's nodes were read. */
  knows(gateway: string): boolean {
    return (this.#gateways.get(gateway)?.seq ?? -1) >= 0;
  }

  nodesOf(gateway: string): Iterable<NodeRecord> {
    return this.#gateways.get(gateway)?.nodes.values() ?? [];
  }

  #follow(id: string): Followed {
    let followed = this.#gateways.get(id);
    if (followed === undefined) {
      followed = { seq: -1, nodes: new Map(), behind: 0, isReading: false, isStale: false };
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
        const { seq, nodes } = await this.parts.bus.read(id);
        if (this.#gateways.get(id) !== followed) return;
        this.#replace(followed, seq, nodes);
      } while (followed.isStale);
      followed.behind = 0;
    } catch (error) {
      // Redis is away; it is read again at one of the next signs of life.
      this.parts.log.debug({ gateway: id, cause: String(error) }, "cluster: cannot read nodes");
    } finally {
      followed.isReading = false;
    }
  }

  #replace(followed: Followed, seq: number, nodes: readonly NodeRecord[]): void {
    const left = new Set(followed.nodes.keys());
    followed.seq = Math.max(seq, followed.seq, 0);
    for (const record of nodes) {
      left.delete(record.who.id);
      this.#put(followed, record);
    }
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

/** What gateways tell each other through Redis, and the little of Redis that they need for it. */

import type { Penalty } from "../node/penalty.ts";
import type { NodeRecord } from "./node_record.ts";

/** A gateway, as the others know it. */
export interface Presence {
  /** Random, of this process. */
  id: string;
  /** Where the other gateways reach it: `http://10.0.0.5:8080`. */
  url: string;
  version: string;
  /** Grows with every change of its nodes that it has published. */
  seq: number;
  /** It takes no calls any more. */
  isDraining: boolean;
  nodes: number;
}

/** How one gateway's nodes have changed. */
export interface NodeChange {
  seq: number;
  put: NodeRecord[];
  /** Public ids of nodes that have left. */
  gone: string[];
}

/** All nodes of a gateway. */
export interface NodeList {
  seq: number;
  nodes: NodeRecord[];
}

/** A penalty on its way; its time is by Redis' clock. */
export type PenaltyNotice = Omit<Penalty, "isOver"> & { identity: string };

/** What a gateway says to all others. */
export type Message =
  /** The sender has come, or is leaving: the roll is another now. */
  | { is: "roll"; from: string }
  | { is: "nodes"; from: string; change: NodeChange }
  | { is: "penalty"; from: string; penalty: PenaltyNotice }
  | { is: "pardon"; from: string; identity: string; model: string | null }
  /** The node, by private identity, has stored an answer: calls that go on from it are for that node. */
  | { is: "pin"; from: string; account: string; response: string; identity: string };

/** The answer to a sign of life. */
export interface Roll {
  /** Redis' clock, in UTC milliseconds. */
  nowMs: number;
  /** The number under which this gateway may write; another than before: what it wrote is void. */
  fence: number;
  /** All that live, this one included. */
  gateways: Presence[];
}

/**
 * Redis, as far as the cluster needs it. Everything rejects at once while it is away; nothing is
 * queued.
 */
export interface Bus {
  /** Resolves when it answers for the first time, or has not for a moment. */
  opened(): Promise<void>;
  /** Renews this gateway's lease for `leaseMs`; `fence` is the number that it knows, 0 at first. */
  beat(presence: Presence, fence: number, leaseMs: number): Promise<Roll>;
  /** Ends the lease and removes all that this gateway has written. */
  leave(id: string): Promise<void>;
  /**
   * Writes a change of this gateway's nodes; `isWhole`: in the place of everything before. False:
   * the number is outdated, or what was written before is gone, so that all must be written again.
   */
  write(id: string, fence: number, change: NodeChange, options: WriteOptions): Promise<boolean>;
  /** All nodes of one gateway. */
  read(id: string): Promise<NodeList>;
  writePenalty(penalty: PenaltyNotice): Promise<void>;
  erasePenalty(identity: string, model: string | null): Promise<void>;
  readPenalties(nowMs: number): Promise<PenaltyNotice[]>;
  /** Tells all other gateways that listen. */
  tell(message: Message): Promise<void>;
  close(): void;
}

/** Receives what arrives over a bus. */
export interface BusListener {
  /** A message of a gateway, this one included. Messages sent while Redis is away are lost. */
  received(message: Message): void;
  /** Messages arrive from now on; any number may have been lost before. */
  subscribed(): void;
}

export interface WriteOptions {
  isWhole: boolean;
  /** What was written is gone when nothing is written for so long. */
  keepMs: number;
}

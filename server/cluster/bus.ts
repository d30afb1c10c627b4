/** What gateways send each other through Redis, and the operations on Redis that this takes. */

import type { Penalty } from "../node/penalty.ts";
import type { AnswerOwner } from "../node/kept_answer.ts";
import type { NodeRecord } from "./node_record.ts";

/** A gateway, as the others know it. JSON in Redis. */
export interface Presence {
  /** Random, new for each process. */
  id: string;
  /** Where the other gateways reach it: `http://10.0.0.5:8080`. */
  url: string;
  version: string;
  /** Sequence number of its last published change. */
  seq: number;
  /** Whether it has stopped taking calls. */
  isDraining: boolean;
  /** Number of its nodes. */
  nodes: number;
}

/** A change of one gateway's nodes. */
export interface NodeChange {
  seq: number;
  put: NodeRecord[];
  /** Public ids of nodes that have left. */
  gone: string[];
  /** Whether the gateway writes all its nodes again, and this is not their last part. */
  hasMore?: true;
}

/** All nodes of one gateway. */
export interface NodeList {
  seq: number;
  nodes: NodeRecord[];
  /** Whether the gateway writes all its nodes again, and their last part is not written yet. */
  hasMore?: true;
}

/** A penalty as gateways share it. `identity` is the node key. */
export interface PenaltyNotice extends Omit<Penalty, "isOver"> {
  identity: string;
  /** When it was given, by Redis' clock. */
  at: number;
  /** How long it had to last then; absent from gateways of earlier versions, which read `until`. */
  remainingMs?: number;
  /** Its end by Redis' clock, so that Redis' record of it can be dropped then. */
  until: number;
}

/** A message to all gateways. Kinds and fields are shared with gateways of other versions. */
export type Message =
  /** The sender has joined or is leaving. */
  | { is: "roll"; from: string }
  | { is: "nodes"; from: string; change: NodeChange }
  | { is: "penalty"; from: string; penalty: PenaltyNotice }
  /** A call has succeeded on a node on probation. `identity` is the node key. */
  | { is: "pardon"; from: string; identity: string; model: string | null; at: number }
  /** The node with the key `identity` stores this response: calls that continue it need that node. */
  | { is: "pin"; from: string; account: string; response: string; identity: string };

/** The reply to a heartbeat. */
export interface BeatReply {
  /** Redis' clock, in UTC milliseconds. */
  nowMs: number;
  /** Fencing token for this gateway's writes. A new one means that its earlier writes are void. */
  fence: number;
  /** All live gateways, this one included. */
  gateways: Presence[];
}

export interface WriteOptions {
  /** Whether the change replaces everything written before. */
  isWhole: boolean;
  /** The record expires when nothing is written for this long. */
  keepMs: number;
}

/** Redis, as far as the cluster needs it. Operations reject at once while it is away; none is queued. */
export interface Bus {
  /** Resolves when Redis answers for the first time, or has not answered for a moment. */
  opened(): Promise<void>;
  /** Renews this gateway's lease for `leaseMs`. `fence` is the token it holds, 0 at first. */
  beat(presence: Presence, fence: number, leaseMs: number): Promise<BeatReply>;
  /** Ends the lease and removes everything this gateway has written. */
  leave(id: string): Promise<void>;
  /**
   * Writes a change of this gateway's nodes. False where the token is outdated or the earlier record
   * is gone: then everything must be written again.
   */
  write(id: string, fence: number, change: NodeChange, options: WriteOptions): Promise<boolean>;
  read(id: string): Promise<NodeList>;
  writePenalty(penalty: PenaltyNotice): Promise<void>;
  erasePenalty(identity: string, model: string | null): Promise<void>;
  /** Penalties that end after `nowMs`, by Redis' clock. */
  readPenalties(nowMs: number): Promise<PenaltyNotice[]>;
  /** Writes whose an answer is, unless that is written: resolves with the record that stands. It expires after `keepMs`. */
  claimAnswer(place: string, owner: AnswerOwner, keepMs: number): Promise<AnswerOwner>;
  /** Gives a record of the gateway, or one that has expired, to another one. Changes no other gateway's. */
  moveAnswer(from: string, place: string, owner: AnswerOwner, keepMs: number): Promise<void>;
  readAnswer(place: string): Promise<AnswerOwner | null>;
  /** Keeps the record for that long from now on, unless it names another gateway or call. */
  renewAnswer(place: string, owner: AnswerOwner, keepMs: number): Promise<void>;
  /** Erases no record but the gateway's. */
  eraseAnswer(gateway: string, place: string): Promise<void>;
  /** Sends a message to all gateways that listen, this one included. */
  publish(message: Message): Promise<void>;
  close(): void;
}

/** Receives what arrives over a bus. */
export interface BusListener {
  received(message: Message): void;
  /** Messages arrive from now on; any number may have been lost before. */
  subscribed(): void;
}

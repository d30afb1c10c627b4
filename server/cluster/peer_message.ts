/** What gateways send each other on their link beside the frames of wire v2: JSON in frames of one more type. */

import type { HandoverMessage } from "./answer_handover.ts";
import type { AnswerMessage } from "./answer_relay.ts";
import type { Route } from "../node/audience.ts";
import type { Service } from "../node/service.ts";
import type { Message } from "./bus.ts";
import type { PeerProof } from "./handshake.ts";
import type { TunnelMessage } from "./tunnels.ts";
import type { SpeedRecord } from "../schedule/policy/node_speed.ts";
import { type Endpoint, HEADER_BYTES, MAX_FRAME_BYTES } from "../../protocol/mod.ts";

/** A call that waits for a slot. */
export interface Waiting {
  /** How long it has waited when the message was sent. */
  age_ms: number;
  /** When it began, by the sender's clock: names the wait among those of one queue. */
  since?: number;
  /** Public ids of nodes that must not be offered. */
  tried?: string[];
  /** Key of the only node that can serve it. */
  home?: string;
  /** The account whose call it is. Absent, from gateways of earlier versions: it may use nodes for everyone. */
  account?: string;
  /** Absent: any. */
  route?: Route;
  /** The size of its body. */
  bytes?: number;
}

/**
 * How many slots of the sender's node, by its public id, are in use by gateways other than the
 * receiver, and how many it has earned. Gateways of earlier versions send and read no third member.
 */
export type NodeLoad = [nodeId: string, others: number, earned?: number];

/** What the sender has measured of a node. */
export interface PeerSpeed {
  /** The node's key. */
  node: string;
  model: string;
  endpoint: Endpoint;
  /** How long ago, when the message was sent. */
  age_ms: number;
  speed: SpeedRecord;
}

/** Kinds and fields are shared with gateways of other versions. */
export type PeerMessage =
  /** First message of the gateway that was dialled: proves that it knows the secret. */
  | ({ is: "hello" } & PeerProof)
  | { is: "loads"; loads: NodeLoad[] }
  | { is: "speeds"; speeds: PeerSpeed[] }
  /** The sender's calls that wait for the service, longest wait first. Replaces the list before. */
  | { is: "wants"; service: Service; waiting: Waiting[] }
  /** One slot of the sender's node is held for a call of the receiver: one of this account, if it still waits. */
  | { is: "offer"; grant: number; node: string; service: Service; account?: string }
  /** The receiver's slot is not needed any more. */
  | { is: "decline"; grant: number }
  /** The link of the node that runs the receiver's call with this stream number is lost and may come back, or is back. */
  | { is: "suspended" | "resumed"; stream: number }
  /** Whether the sender has console viewers of these accounts' calls. */
  | { is: "watch"; accounts: string[]; isWatched: boolean }
  /** An event for the receiver's viewers of the account; `data` is JSON. */
  | { is: "live"; account: string; name: string; data: string }
  /** As on the bus, but sooner: the caller's next call may follow at once. */
  | Extract<Message, { is: "pin" }>
  | AnswerMessage
  | HandoverMessage
  | TunnelMessage;

/** Above all frame types of wire v2, which reserves these numbers for gateways. */
const PEER_MESSAGE = 64;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export function encodePeerMessage(message: PeerMessage): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(JSON.stringify(message));
  const frame = new Uint8Array(HEADER_BYTES + text.byteLength);
  frame[0] = PEER_MESSAGE;
  frame.set(text, HEADER_BYTES);
  return frame;
}

export function isPeerMessage(frame: Uint8Array): boolean {
  return frame[0] === PEER_MESSAGE;
}

/** Throws where the frame is malformed; the link ends then. */
export function decodePeerMessage(frame: Uint8Array): PeerMessage {
  if (frame.byteLength > MAX_FRAME_BYTES) throw new Error("larger than a frame may be");
  return JSON.parse(decoder.decode(frame.subarray(HEADER_BYTES))) as PeerMessage;
}

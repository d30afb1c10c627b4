/** What gateways say to each other on their link beside the frames of wire v2: JSON in frames of one more type. */

import type { Service } from "../node/service.ts";
import type { Message } from "./bus.ts";
import { HEADER_BYTES, MAX_FRAME_BYTES } from "../../protocol/mod.ts";

/** A call that waits for a slot. */
export interface Waiting {
  /** For so long, when this was said. */
  age_ms: number;
  /** Public ids of nodes that must not be offered. */
  tried?: string[];
  /** Private identity of the only node that can serve it. */
  home?: string;
}

export type PeerMessage =
  /** The first word of the gateway that was dialled: the proof that it knows the secret. */
  | { is: "hello"; answer: string }
  /** Of the sender's nodes, by public id, how many slots are in use by others than the receiver. */
  | { is: "loads"; loads: [nodeId: string, others: number][] }
  /** The sender's calls that wait for the service, longest first; in the place of what was said of it before. */
  | { is: "wants"; service: Service; waiting: Waiting[] }
  /** One slot of the sender's node is held for a call of the receiver's. */
  | { is: "offer"; grant: number; node: string; service: Service }
  /** Nobody needs the slot any more. */
  | { is: "decline"; grant: number }
  /** At the sender, somebody looks at these accounts' calls; or nobody does any more. */
  | { is: "watch"; accounts: string[]; isWatched: boolean }
  /** An event for whoever looks at the account's calls at the receiver: its data is JSON. */
  | { is: "live"; account: string; name: string; data: string }
  /** As on the bus, but sooner: the caller's next call may come right away. */
  | Extract<Message, { is: "pin" }>;

/** Above all types of wire v2, which leaves these to the gateways. */
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

/** Throws where it is none: between gateways that is a fault, and the link ends. */
export function decodePeerMessage(frame: Uint8Array): PeerMessage {
  if (frame.byteLength > MAX_FRAME_BYTES) throw new Error("larger than a frame may be");
  return JSON.parse(decoder.decode(frame.subarray(HEADER_BYTES))) as PeerMessage;
}

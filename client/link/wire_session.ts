/** What a connection needs of either version of the wire: it turns messages into events, and says what the node says. */

import {
  CallBody,
  type Failure,
  JsonFault,
  OtherCase,
  type RegisterV2,
  type Status,
} from "../../protocol/mod.ts";
import type { Call, Reply } from "../run/runner.ts";

/** What a message from the gateway means for the node. */
export type WireEvent =
  /** The gateway has shown that it speaks this version. */
  | { kind: "hello"; takesShareWith: boolean }
  | { kind: "call"; call: Call; reply: Reply }
  /** A call that was answered with an error before it began. */
  | { kind: "refused" }
  | { kind: "cancel"; id: string }
  /** The gateway will end the link; the next one is dialled after a random part of this time. */
  /** The gateway has taken the node in. */
  | { kind: "welcomed" }
  | { kind: "goaway"; reason: string; redialWithinMs: number }
  /** A message about the connection, for the log. */
  | { kind: "notice"; code: number; message: string }
  /** The lost link is back. Calls that the gateway does not want any more are stopped. */
  | { kind: "resumed"; unwanted: string[] }
  /** The gateway has begun another session: the calls of this one are lost. */
  | { kind: "session lost" }
  /** Handled already, or of a type that this node does not know or does not receive. */
  | { kind: "ignored" }
  | { kind: "malformed"; reason: string };

/** Where a wire session sends its messages. */
export interface FrameSink {
  send(message: string | Uint8Array<ArrayBuffer>): void;
  /** Resolves once few enough bytes wait to be sent, or the signal aborts; null: that is so already. */
  drained(signal: AbortSignal): Promise<void> | null;
}

/** One version of the wire on one link. */
export interface WireSession {
  /** Sends REGISTER. */
  register(data: RegisterV2): void;
  /** Tells the gateway what the node offers now. */
  announceOffer(data: RegisterV2): void;
  /** Tells the gateway of the node's state, in versions that can. */
  announceStatus(status: Status): void;
  /** Sends a message that gateways ignore: on a dead link the system reports that it cannot be sent. */
  keepAlive(): void;
  /** Reads one message. Never throws. */
  read(message: string | Uint8Array): WireEvent;
}

/** Checks a body as the gateway should have done: a node runs nothing but what its owner offers, whatever it is sent. */
export function readBody(bytes: Uint8Array): CallBody | Failure {
  try {
    return CallBody.of(bytes);
  } catch (error) {
    if (!(error instanceof JsonFault || error instanceof OtherCase)) throw error;
    return { code: 400, message: `This node cannot read the body: ${error.message}` };
  }
}

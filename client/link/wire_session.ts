/** What both versions of the wire are to a connection: bytes in, what they ask for out, and the way back. */

import type { RegisterV2, Status } from "../../protocol/mod.ts";
import type { Call, Reply } from "../run/runner.ts";

/** What a message from the gateway asks of the node. */
export type WireEvent =
  | { kind: "run"; call: Call; reply: Reply }
  | { kind: "cancel"; id: string }
  /** About the connection, for the log. */
  | { kind: "notice"; code: number; message: string }
  /** Nothing to do, or a type of a later version, or one that only gateways receive. */
  | { kind: "nothing" }
  /** The gateway will end the link; the next one is dialled after a random part of this time. */
  | { kind: "leaving"; reason: string; redialWithinMs: number }
  | { kind: "malformed"; reason: string }
  /** The gateway has shown that it speaks this version: register. */
  | { kind: "greet" };

/** Where a dialect's messages go. */
export interface Outlet {
  send(message: string | Uint8Array<ArrayBuffer>): void;
  /** Waits while too much was not sent yet; null: it is not. */
  drained(signal: AbortSignal): Promise<void> | null;
}

export interface WireSession {
  /** The node's first words. */
  greet(data: RegisterV2): void;
  /** Tells that the node's models have changed. */
  offer(data: RegisterV2): void;
  /** Reads one message. Never throws. */
  read(message: string | Uint8Array): WireEvent;
  /** Tells that the node's state has changed, where the version has a word for it. */
  announce(status: Status): void;
  /** A message that every gateway ignores: it makes the system notice a link that carries nothing any more. */
  signOfLife(): void;
}

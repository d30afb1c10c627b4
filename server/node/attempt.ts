/** One try of a call on one node, as the rooms above see it: what goes out, and what comes back. */

import type { Endpoint, ErrorData } from "../../protocol/mod.ts";

/** The caller's JSON body, valid and unchanged, in the two forms that the two versions of the wire carry. */
export interface Body {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** What a node is asked to run. */
export interface Order {
  /** Unguessable, and good for this try only. */
  attemptId: string;
  endpoint: Endpoint;
  model: string;
  body: Body;
  stream: boolean;
  /** Whether the caller is told usage in its stream; if not, the node is asked anyway and it is hidden again. */
  wantsUsage: boolean;
  /** The body's `stream_options`, where it has any. */
  streamOptions: object | null;
  /** The caller's headers that go along, by lower-case name. */
  headers: Readonly<Record<string, string>> | null;
}

/** What was produced, as far as is known. */
export interface Tally {
  /** Null: the upstream did not say. */
  promptTokens: number | null;
  completionTokens: number | null;
  /** Whether completionTokens was counted from chunks rather than told by the upstream. */
  estimated: boolean;
  /** Chunks that the node sent. */
  chunks: number;
  /** The id of the answer, where the node's upstream has stored it. */
  responseId?: string;
}

/** Why an attempt ended without an answer. */
export type AttemptFailure =
  /** The node said so, in an ERROR frame. */
  | { kind: "refused"; error: ErrorData }
  /** The upstream answered with a status that is no success, and this body. */
  | { kind: "answered"; status: number; headers: Readonly<Record<string, string>>; body: string }
  /** The node's connection ended. */
  | { kind: "lost"; reason: string }
  /** The node broke the protocol. */
  | { kind: "protocol"; reason: string }
  /** The gateway that the node is connected to does not answer: nothing is known of the node itself. */
  | { kind: "gateway lost"; reason: string };

/**
 * Hears what a node sends for one attempt: `head` before any `data`, then exactly one of `finish`
 * and `fail`. Called from the socket's handlers, so it must be quick and must not throw.
 */
export interface AttemptSink {
  /** An answer begins. The upstream's headers that callers may see, where the node tells them. */
  head(headers: Readonly<Record<string, string>>): void;
  /**
   * A piece of the answer: server-sent events ready to be written when the call streams, else a
   * part of the JSON body. Empty where only the gateway was meant. Bytes are the sink's to keep.
   */
  data(piece: string | Uint8Array): void;
  finish(): void;
  fail(failure: AttemptFailure): void;
}

/** An attempt that a node has been sent. */
export interface RunningAttempt {
  /** What has been produced so far. */
  tally(): Tally;
  /** So many bytes of data have left for the caller: the node may send as many more. */
  consumed(bytes: number): void;
  /** Tells the node that nobody wants the answer. The sink still hears how the attempt ends. */
  cancel(): void;
  /** Nobody waits for the node's confirmation any more: the sink hears nothing from now on. */
  forget(): void;
}

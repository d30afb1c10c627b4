/** One try of a call on one node, as the rooms above see it: what goes out, and what comes back. */

import type { ErrorData } from "../../protocol/mod.ts";

/** What a node is asked to run. */
export interface Order {
  /** Unguessable, and good for this try only. */
  attemptId: string;
  model: string;
  /** The caller's JSON body, as text, unchanged. */
  bodyText: string;
  stream: boolean;
  /** Whether the caller asked for usage in its stream; if not, the node is asked anyway and it is hidden again. */
  wantsUsage: boolean;
  /** The body's `stream_options`, where it has any. */
  streamOptions: object | null;
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
}

/** Why an attempt ended without an answer. */
export type AttemptFailure =
  /** The node said so, in an ERROR frame. */
  | { kind: "refused"; error: ErrorData }
  /** The node's connection ended. */
  | { kind: "lost"; reason: string }
  /** The node broke the protocol. */
  | { kind: "protocol"; reason: string };

/**
 * Hears what a node sends for one attempt: any number of `data`, then exactly one of `finish` and
 * `fail`. Called from the socket's handlers, so it must be quick and must not throw.
 */
export interface AttemptSink {
  /**
   * A piece of the answer: one server-sent event ready to be written when the call streams, else
   * the whole JSON body. An event that only the gateway needed arrives as the empty string.
   */
  data(text: string): void;
  finish(): void;
  fail(failure: AttemptFailure): void;
}

/** An attempt that a node has been sent. */
export interface RunningAttempt {
  /** What has been produced so far. */
  tally(): Tally;
  /** Tells the node that nobody wants the answer. The sink still hears how the attempt ends. */
  cancel(): void;
}

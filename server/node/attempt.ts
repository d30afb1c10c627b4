/** One attempt of a call on one node, as callers of a node see it: the order sent, and the events that come back. */

import { type Endpoint, type ErrorData, errorStatus, type ErrorWords } from "../../protocol/mod.ts";

/** The caller's JSON body, valid and unchanged: wire v2 sends the bytes, wire v1 the text. */
export interface Body {
  readonly bytes: Uint8Array;
  /** Of `bytes`, without making them. */
  readonly byteLength: number;
  readonly text: string;
  /** Alike for bodies that are alike, also once the body was given up. */
  readonly digest: number | bigint;
  /** A copy of the body waits to be sent, and counts as the body does until the returned function is called. */
  copied?(): () => void;
}

/** An answer has fewer choices than this; what else a body asks for, or a chunk has, is not counted. */
export const MAX_CHOICES = 128;

/** What a node is asked to run. */
export interface Order {
  /** Unguessable, and used for this attempt only. */
  attemptId: string;
  endpoint: Endpoint;
  model: string;
  body: Body;
  stream: boolean;
  /** Whether the caller asked for usage in its stream. Otherwise the node reports it anyway, and it is removed again. */
  wantsUsage: boolean;
  /** The body's `stream_options`, where it has any. */
  streamOptions: object | null;
  /** How many choices the body asks for, in `n`. */
  choices: number;
  /** The caller's headers that travel with the call, by lower-case name. */
  headers: Readonly<Record<string, string>> | null;
  /** Why the call may come to the node; undefined: the node is for everyone. */
  audience?: string | undefined;
  /** The caller's account, for the gateway that the node is connected to. */
  accountId?: string;
}

/** What an attempt has produced, as far as is known. */
export interface Tally {
  /** Null: the upstream did not report it. */
  promptTokens: number | null;
  completionTokens: number | null;
  /** Whether completionTokens was counted from chunks rather than reported by the upstream. */
  estimated: boolean;
  /** Chunks received from the node. */
  chunks: number;
  /** The id of the answer, where the node's upstream has stored it. */
  responseId?: string;
  /** Whether the complete answer itself says that the upstream failed: `response.failed`. */
  hasFailed?: true;
  /** Whether the upstream gave its finish reason before the call was stopped: the answer is complete, whether or not its stream has ended. */
  isComplete?: true;
}

/** What became of an attempt whose answer has an error in its place, after a status of success. */
export function errorInAnswer(body: string, error: ErrorWords): AttemptFailure {
  return { kind: "answered", status: errorStatus(error), headers: {}, body };
}

/** Why an attempt ended without an answer. */
export type AttemptFailure =
  /** The node sent an ERROR frame. */
  | { kind: "refused"; error: ErrorData }
  /** The upstream answered with a status other than 2xx, and this body. */
  | { kind: "answered"; status: number; headers: Readonly<Record<string, string>>; body: string }
  /** The node's connection ended. */
  | { kind: "lost"; reason: string }
  /** The node's program was restarted, and has none of the calls of the one before. */
  | { kind: "restarted"; reason: string }
  /** The node's connection is interrupted, and the call need not wait until the node reconnects. No penalty. */
  | { kind: "interrupted"; reason: string }
  /** The answer is none: there is nothing of it, it is no JSON, or it is cut off. */
  | { kind: "no answer"; reason: string }
  /** The node broke the protocol. */
  | { kind: "protocol"; reason: string }
  /** The gateway that the node is connected to does not answer; the state of the node is unknown. */
  | { kind: "gateway lost"; reason: string };

/**
 * Receives what a node sends for one attempt: `head` before any `data`, then exactly one of `finish`
 * and `fail`. Called from the socket's handlers, so implementations must be quick and must not throw.
 */
export interface AttemptSink {
  /** An answer begins. `headers` are those of the upstream that callers may see, where the node reports them. */
  head(headers: Readonly<Record<string, string>>): void;
  /**
   * A piece of the answer: complete server-sent events if the call streams, else a part of the JSON
   * body. Empty if the node's chunk held nothing for the caller. The sink may keep the bytes.
   */
  data(piece: string | Uint8Array): void;
  finish(): void;
  fail(failure: AttemptFailure): void;
  /** The node's connection is lost and may come back: the node cannot send until `resumed`. */
  suspended?(): void;
  resumed?(): void;
}

/** The handle of an attempt that was sent to a node. */
export interface RunningAttempt {
  /** The tally so far. */
  tally(): Tally;
  /** Reports that `bytes` of data have been sent to the caller: the node may send as many more. */
  consumed(bytes: number): void;
  /** Asks the node to stop. The sink is still called when the attempt ends. */
  cancel(): void;
  /** Gives up waiting for the node's confirmation: the sink is not called any more. */
  forget(): void;
}

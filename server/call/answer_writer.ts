/** The caller's side of a call, as the relay writes to it. */

import type { AttemptFailure } from "../node/attempt.ts";
import type { AnswerReader } from "../node/kept_answer.ts";
import type { Node } from "../node/node.ts";
import type { AnswerRoom } from "../schedule/call.ts";
import type { ReplaysEntry } from "../store/store.ts";

/** Takes an attempt's answer. */
export interface AnswerSink extends Pick<AnswerReader, "data"> {
  /** The node begins its answer. `headers`: those of its upstream that callers may see. */
  head(node: Node, headers: Readonly<Record<string, string>>): void;
  /** Why what was given is no whole answer; null: it is one. Absent: the answer is not kept. */
  flaw?(): AttemptFailure | null;
  /** Whether the caller was sent a byte of the answer. Absent: as soon as a piece was given. */
  readonly hasBegun?: boolean;
}

/**
 * Where a call's answer goes; http implements it. As a sink, it takes the pieces of calls that stream
 * and of large answers of those that do not. Each call ends in exactly one of `whole`, `end`, `reject`
 * and `fail`.
 */
export interface AnswerWriter extends AnswerSink, Omit<AnswerReader, "head" | "outgrown"> {
  /** The node failed before the answer began, so that its headers do not count. */
  discardHead(): void;
  /**
   * Counts so many bytes more (or fewer) that are held of a whole answer. Those that are handed over by
   * `data` or `whole` are counted until the caller has taken them. Those for which a budget has no room are not counted.
   */
  hold(bytes: number): AnswerRoom;
  /** Bytes and events handed to the caller's socket so far. */
  readonly deliveredBytes: number;
  readonly deliveredChunks: number;
  /** How often callers came back for it; absent or null: none did. */
  readonly replays?: ReplaysEntry | null;
}

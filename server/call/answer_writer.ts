/** The caller's side of a call, as the relay writes to it. */

import type { ColinkError } from "../base/error.ts";
import type { AttemptFailure } from "../node/attempt.ts";
import type { UpstreamRejection } from "../node/failure.ts";
import type { Node } from "../node/node.ts";
import type { AnswerRoom } from "../schedule/call.ts";
import type { ReplaysEntry } from "../store/store.ts";

/** Takes an attempt's answer. */
export interface AnswerSink {
  /** The node begins its answer. `headers`: those of its upstream that callers may see. */
  head(node: Node, headers: Readonly<Record<string, string>>): void;
  /**
   * Takes a piece: whole or partial server-sent events of a call that streams, else a part of the JSON
   * body. Returns whether the caller has taken all pieces; if not, `source.drained` is called once it has.
   */
  data(piece: string | Uint8Array, source: AnswerSource): boolean;
  /** Why what was given is no whole answer; null: it is one. Absent: the answer is not kept. */
  flaw?(): AttemptFailure | null;
  /** Whether the caller was sent a byte of the answer. Absent: as soon as a piece was given. */
  readonly hasBegun?: boolean;
}

/** Gives an answer's pieces. */
export interface AnswerSource {
  drained(): void;
}

/**
 * Where a call's answer goes; http implements it. As a sink, it takes the pieces of calls that stream
 * and of large answers of those that do not. Each call ends in exactly one of `whole`, `end`, `reject`
 * and `fail`.
 */
export interface AnswerWriter extends AnswerSink {
  /** The node failed before the answer began, so that its headers do not count. */
  discardHead(): void;
  /** The call waits at this 1-based queue position. Only for calls that ask for it. */
  queued(position: number): void;
  /**
   * Counts so many bytes more (or fewer) that are held of a whole answer. Those that are handed over by
   * `data` or `whole` are counted until the caller has taken them. Those for which a budget has no room are not counted.
   */
  hold(bytes: number): AnswerRoom;
  /** Writes the complete JSON answer of a call that does not stream. */
  whole(body: string | Uint8Array): void;
  /** Ends an answer that was given by `data` and is complete. `isMarked`: its pieces hold the mark of its end already. */
  end(isMarked?: boolean): void;
  /** Writes the upstream's rejection of the request. */
  reject(rejection: UpstreamRejection): void;
  /** Writes an error instead of the answer, or of its rest. */
  fail(error: ColinkError): void;
  /** Bytes and events handed to the caller's socket so far. */
  readonly deliveredBytes: number;
  readonly deliveredChunks: number;
  /** How often callers came back for it; absent or null: none did. */
  readonly replays?: ReplaysEntry | null;
}

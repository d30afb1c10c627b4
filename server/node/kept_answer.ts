/**
 * An answer that a gateway keeps for callers who read it again, as it is named, read and handed on.
 * `server/call` keeps it, and `server/cluster` sends it: neither imports the other.
 */

import type { ColinkError } from "../base/error.ts";
import type { UpstreamRejection } from "./failure.ts";
import type { NodeIdentity } from "./node.ts";

/** The name of an answer within its account. Names of different kinds are independent of each other. */
export interface AnswerName {
  accountId: string;
  kind: "key" | "response";
  name: string;
}

/** Which gateway runs the call that a name belongs to. */
export interface AnswerOwner {
  /** The gateway's id. */
  gateway: string;
  callId: string;
}

export type AnsweringNode = { readonly who: Pick<NodeIdentity, "publicId"> };

/** Gives an answer's pieces. */
export interface AnswerSource {
  drained(): void;
}

/** Where an answer goes for one caller. Each ends in exactly one of `whole`, `end`, `reject` and `fail`. */
export interface AnswerReader {
  /** `headers`: those of the node's upstream that callers may see. */
  head(node: AnsweringNode, headers: Readonly<Record<string, string>>): void;
  /** The call waits at this 1-based queue position. Only for calls that ask for it. */
  queued(position: number): void;
  /**
   * Takes a piece: whole or partial server-sent events of a call that streams, else a part of the JSON
   * body. Returns whether the caller has taken all pieces; if not, `source.drained` is called once it has.
   */
  data(piece: string | Uint8Array, source: AnswerSource): boolean;
  /** Writes the complete JSON answer of a call that does not stream. */
  whole(body: string | Uint8Array): void;
  /** The answer has outgrown what is kept: a caller that loses its connection from now on cannot continue. */
  outgrown(): void;
  /** Ends an answer that was given by `data` and is complete. `isMarked`: its pieces hold the mark of its end already. */
  end(isMarked?: boolean): void;
  /** Writes the upstream's rejection of the request. */
  reject(rejection: UpstreamRejection): void;
  /** Writes an error instead of the answer, or of its rest. */
  fail(error: ColinkError): void;
}

/** An answer that a gateway which stops hands over to another one. */
export interface HandedAnswer {
  bytes: Uint8Array;
  /** JSON: all but the bytes. */
  rest: string;
}

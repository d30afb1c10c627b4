/** What a caller has received of its call: reported again and again, because the caller's process may die at any moment. */

import type { PlannedCall } from "./plan.ts";

/** How a call ended for its caller. */
type Ending =
  /** The whole answer arrived. */
  | "complete"
  /** An error response or error event arrived. */
  | "error"
  /** An answer had begun, and the connection ended. */
  | "cut"
  /** The caller hung up. */
  | "left"
  /** The gateway could not be reached, or hung up without a response. */
  | "unanswered";

export interface Seen {
  model: string;
  /** The answer's request id. */
  id: string | null;
  status: number | null;
  /** Events of answer, or 1 for a whole one, and their bytes. */
  pieces: number;
  bytes: number;
  /** Null: the caller is still waiting, or its process is dead. */
  ending: Ending | null;
  /** `error.code` of the error that arrived; null: none did. */
  code: string | null;
  /** UTC milliseconds. */
  endedAt: number | null;
}

export function nothingSeen(model: string): Seen {
  return {
    model,
    id: null,
    status: null,
    pieces: 0,
    bytes: 0,
    ending: null,
    code: null,
    endedAt: null,
  };
}

/** The orders of a caller's process. */
export interface CallsOrder {
  url: string;
  token: string;
  calls: readonly PlannedCall[];
}

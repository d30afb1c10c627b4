/** What a caller has seen of its call: told over and over by the caller's process, which may die at any moment. */

import type { PlannedCall } from "./plan.ts";

/** How a call ended for its caller. */
type Ending =
  /** The whole answer came. */
  | "complete"
  /** It was told that there is no answer, or no more of it. */
  | "error"
  /** An answer had begun, and the connection ended. */
  | "cut"
  /** It left. */
  | "left"
  /** The gateway could not be reached, or hung up without a word. */
  | "unanswered";

export interface Seen {
  model: string;
  /** The answer's request id. */
  id: string | null;
  status: number | null;
  /** Events of answer, or 1 for a whole one, and their bytes. */
  pieces: number;
  bytes: number;
  /** Null: it waits still, or its process is gone. */
  ending: Ending | null;
  /** `error.code`, where it was told one. */
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

/** What a caller's process is told to do. */
export interface CallsOrder {
  url: string;
  token: string;
  calls: readonly PlannedCall[];
}

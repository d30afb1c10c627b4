/** The interface that follows one dialect's stream: repairs its events and detects its end. */

import type { Json } from "../json_object.ts";

/** Follows one stream to its end. Throws an UpstreamFailure for an event that does not belong to it. */
export interface StreamFollower {
  /** Whether the answer is complete even if the connection is lost now. */
  readonly isComplete: boolean;
  /** Whether no event can follow, so that the connection need not be read to its end. */
  readonly isOver: boolean;
  /** Returns the event's text as the caller receives it: unchanged, or repaired. */
  pass(text: string, event: Json): string;
  /** Called at `[DONE]`. Returns a missing last event, or null. Throws if the answer is incomplete. */
  done(): string | null;
  /** Called when the connection ends without `[DONE]`. Throws unless the answer is complete. */
  end(): void;
}

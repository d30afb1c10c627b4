/** What knows, of one dialect's streams, which events they have and when all is said. */

import type { Json } from "./json_object.ts";

/** Follows one stream to its end. Throws an UpstreamFailure at what is not part of such a stream. */
export interface StreamFollower {
  /** Whether the answer is complete: losing the connection now loses nothing. */
  readonly isComplete: boolean;
  /** Whether nothing can follow, so that the upstream need not be heard to its end. */
  readonly isOver: boolean;
  /** One event's text as the caller gets it: the same, unless it had to be mended. */
  pass(text: string, event: Json): string;
  /** `[DONE]` has come: one more event where one is missing, or null. Throws if the answer is not complete even so. */
  done(): string | null;
  /** The connection ended without `[DONE]`. Throws unless the answer was complete. */
  end(): void;
}

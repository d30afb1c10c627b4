/** Finish reasons that report a failure: the answer is not complete, whatever it holds. */

import { UpstreamFailure } from "../adapter.ts";

/** Reason → the HTTP status of the failure. */
const failures: ReadonlyMap<unknown, number> = new Map([
  ["error", 502],
  ["network_error", 502],
  ["abort", 502],
  ["aborted", 502],
  ["cancelled", 502],
  ["timeout", 504],
  ["insufficient_system_resource", 503],
  ["engine_overloaded", 503],
]);

/** Throws the UpstreamFailure that a finish reason reports. */
export function checkFinishReason(reason: unknown): void {
  const status = failures.get(reason);
  if (status === undefined) return;
  const message = `The provider failed in the middle of its answer: ${reason}`;
  throw new UpstreamFailure(status, message, {
    error: { message, type: "server_error", param: null, code: String(reason) },
  });
}

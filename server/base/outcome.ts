/** What became of a call, and how each outcome is counted. */

import type { CallOutcome } from "../../api/mod.ts";

export type Outcome = CallOutcome;

interface OutcomeKind {
  /** Whether usage counts the call as an error, and the calls page lists it under "failed". */
  readonly failed: boolean;
  /** Whether the accounts' totals count the call; `begun`: if the node produced some of the answer. */
  readonly served: "always" | "begun" | "never";
}

export const outcomes: Readonly<Record<Outcome, OutcomeKind>> = Object.freeze({
  ok: { failed: false, served: "always" },
  cancelled: { failed: false, served: "begun" },
  interrupted: { failed: true, served: "begun" },
  node_lost: { failed: true, served: "begun" },
  upstream_error: { failed: true, served: "never" },
  timeout: { failed: true, served: "never" },
  rejected: { failed: true, served: "never" },
});

export function isFailed({ outcome }: { outcome: Outcome }): boolean {
  return outcomes[outcome].failed;
}

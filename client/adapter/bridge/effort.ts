/** Reasoning efforts in their order. */

import type { Effort } from "./model_request.ts";

const scale: readonly Effort[] = ["minimal", "low", "medium", "high", "xhigh", "max"];

/**
 * The effort itself, else the next lower supported one, else the lowest; null: send none.
 * `known`: null if every effort is.
 */
export function nearestEffort(effort: Effort, known: readonly string[] | null): string | null {
  if (known === null || known.includes(effort)) return effort;
  if (effort === "none") return null;
  const upTo = scale.slice(0, scale.indexOf(effort) + 1);
  return upTo.findLast((step) => known.includes(step)) ?? known[0] ?? null;
}

/** What a STATUS makes of a node's offer, and whether that is a change at all. */

import type { Status } from "../../protocol/mod.ts";
import { factsByModel } from "./model_facts.ts";
import { machineIn, type NodeOffer, type NodePause } from "./node.ts";

/** Two announcements of one end of a pause differ by less. */
const SAME_UNTIL_MS = 2_000;

/** The offer with what the STATUS names; what it does not name stays. */
export function changedOffer(base: NodeOffer, status: Status): NodeOffer {
  const { max_parallel: maxParallel = base.maxParallel, capabilities } = status;
  const models = status.models === undefined ? base.models : [...new Set(status.models)];
  const facts = capabilities === undefined ? base.facts : factsByModel(capabilities, models);
  const { share_with = base.shareWith } = status;
  const { shareWith: _, machine, ...kept } = base;
  const sharing = share_with === undefined || share_with === "everyone"
    ? {}
    : { shareWith: share_with };
  const reported = status.machine === undefined ? { machine } : machineIn(status.machine);
  return { ...kept, maxParallel, models, facts, ...sharing, ...reported };
}

/** Whether calls would notice no difference. */
export function isSamePause(a: NodePause | null, b: NodePause | null): boolean {
  if (a === null || b === null) return a === b;
  return a.reason === b.reason && Math.abs((a.until ?? 0) - (b.until ?? 0)) < SAME_UNTIL_MS;
}

export function isSameOffer(a: NodeOffer, b: NodeOffer): boolean {
  return a.maxParallel === b.maxParallel && a.name === b.name && a.agent === b.agent &&
    a.facts === b.facts && isAlike(a.shareWith, b.shareWith) &&
    isAlike(a.machine, b.machine) &&
    a.models.length === b.models.length &&
    a.models.every((model, i) => model === b.models[i]);
}

/** For what is small and seldom there. */
function isAlike(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

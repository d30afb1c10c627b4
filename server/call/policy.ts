/** Which of the nodes that could take a call gets it: a pure choice. */

import type { Node } from "../node/node.ts";

/** Chooses one of the candidates, or null where there are none. `random` gives numbers from 0 up to 1. */
export type Policy = (candidates: Iterable<Node>, random: () => number) => Node | null;

/** The node with the smallest share of its slots in use; ties are broken at random among equals. */
export const leastBusy: Policy = (candidates, random) => {
  let best: Node | null = null;
  let equals = 0;
  for (const node of candidates) {
    if (best === null || node.load < best.load) {
      best = node;
      equals = 1;
    } else if (node.load === best.load && random() * ++equals < 1) {
      // Each of n equals ends up chosen with probability 1/n, without a list of them.
      best = node;
    }
  }
  return best;
};

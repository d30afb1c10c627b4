/** Connected nodes as the console shows them. */

import type { NodeMeasure, NodeView } from "../api/mod.ts";
import type { Names } from "./account/names.ts";
import type { Clock } from "./base/clock.ts";
import { maySee, type Onlooker } from "./node/audience.ts";
import type { Hub } from "./node/hub.ts";
import type { PenaltyBook } from "./node/penalty.ts";
import { nodeMeasures } from "./node_measures.ts";
import type { Policies } from "./schedule/policy/policy.ts";

export interface NodeViews {
  /** As the viewer's account sees it; null: it is not connected, or the viewer may not see it. */
  live(nodeId: string, onlooker: Onlooker): NodeView | null;
  /** As its owner sees it; null: it is not connected. */
  own(nodeId: string, ownerId: string | null): NodeView | null;
  /** What the scheduler has measured of it. */
  measured(nodeId: string): NodeMeasure[];
}

/** Nodes are found by their public ids. */
export function nodeViews(
  { hub, penalties, policies, names, clock }: {
    hub: Pick<Hub, "findPublic">;
    penalties: PenaltyBook;
    policies: Policies;
    names: Pick<Names, "isListed">;
    clock: Clock;
  },
): NodeViews {
  return {
    live(nodeId, onlooker) {
      const node = hub.findPublic(nodeId);
      if (node === undefined || !maySee(node, onlooker)) return null;
      const { accountId, groups, isAdmin } = onlooker;
      const isListed = (model: string) => names.isListed(model, groups);
      return node.view(penalties.of(node.who.nodeKey), accountId, isAdmin, isListed);
    },
    own(nodeId, ownerId) {
      const node = hub.findPublic(nodeId);
      return node?.view(penalties.of(node.who.nodeKey), ownerId) ?? null;
    },
    measured(nodeId) {
      const node = hub.findPublic(nodeId);
      return node === undefined ? [] : nodeMeasures(node, policies, clock);
    },
  };
}

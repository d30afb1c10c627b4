/** A node's record for tests. */

import type { NodeRecord } from "../node_record.ts";

export function record(id: string, sinceMs = 1): NodeRecord {
  return {
    who: { id, identity: `key/${id}`, accountId: "a", keyId: "k" },
    offer: { name: id, agent: null, maxParallel: 1, models: ["m"] },
    isDraining: false,
    connectedAt: 1,
    sinceMs,
  };
}

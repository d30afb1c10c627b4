/** The calls of other gateways that wait for slots of this one's nodes. */

import type { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import type { Lease } from "./lease.ts";

export interface RemoteWaiters {
  /** Whether a call waits for the service. */
  hasWaiting(service: Service): boolean;
  /**
   * Since when the call has waited, in this process's monotonic milliseconds, that has waited longest
   * for the service and was not tried on the node; null: there is none.
   */
  waitingSince(node: Node, service: Service): number | null;
  /** That call gets the slot. */
  grant(lease: Lease): void;
}

/** A gateway by itself. */
export const noRemoteWaiters: RemoteWaiters = {
  hasWaiting: () => false,
  waitingSince: () => null,
  grant: (lease) => lease.release(),
};

/** The calls of other gateways that wait for slots of this gateway's nodes. */

import type { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import type { Lease } from "./lease.ts";

export interface RemoteWaiters {
  /** Whether a call waits for the service. */
  hasWaiting(service: Service): boolean;
  /**
   * When the oldest call that waits for the service and was not tried on the node began to wait, in
   * this process's monotonic milliseconds; null: no such call waits.
   */
  waitingSince(node: Node, service: Service): number | null;
  /** Gives the slot to that call. */
  grant(lease: Lease): void;
}

/** For a gateway that is not part of a cluster. */
export const noRemoteWaiters: RemoteWaiters = {
  hasWaiting: () => false,
  waitingSince: () => null,
  grant: (lease) => lease.release(),
};

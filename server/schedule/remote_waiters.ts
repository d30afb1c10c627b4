/** The calls of other gateways that wait for slots of this gateway's nodes. */

import type { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import type { Lease } from "./lease.ts";
import type { Wanted } from "./call.ts";

export interface RemoteWaiters {
  /** Whether a call waits for the service. */
  hasWaiting(service: Service): boolean;
  /** What the calls that wait for the service want, those of each gateway in the order of its queue. */
  wants(service: Service): Iterable<{ wanted: Wanted; tried: ReadonlySet<string> }>;
  /**
   * When the oldest call that waits for the service, may use the node and was not tried on it began to wait, in
   * this process's monotonic milliseconds; null: no such call waits.
   */
  waitingSince(node: Node, service: Service): number | null;
  /** Gives the slot to that call. */
  grant(lease: Lease): void;
}

/** For a gateway that is not part of a cluster. */
export const noRemoteWaiters: RemoteWaiters = {
  hasWaiting: () => false,
  wants: () => [],
  waitingSince: () => null,
  grant: (lease) => lease.release(),
};

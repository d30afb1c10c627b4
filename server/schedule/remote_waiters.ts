/** The calls of other gateways that wait for slots of this gateway's nodes. */

import type { Service } from "../node/service.ts";
import type { Lease } from "./lease.ts";
import type { Wanted } from "./call.ts";

/** A call that waits at another gateway. */
export interface RemoteWaiter {
  /** When it began to wait, in this process's monotonic milliseconds. */
  readonly sinceMs: number;
  /** Public ids of nodes that must not be offered. */
  readonly tried: ReadonlySet<string>;
  readonly wanted: Wanted;
  /** The size of its body; 0: unknown. */
  readonly promptBytes: number;
}

export interface RemoteWaiters {
  /** The services that calls wait for, and how many they are. */
  readonly serviceCount: number;
  services(): Iterable<Service>;
  /** Whether a call waits for the service. */
  hasWaiting(service: Service): boolean;
  /** The calls that wait for the service, those of each gateway in the order of its queue. */
  waiting(service: Service): Iterable<RemoteWaiter>;
  /** Gives the slot to the call, which waits. */
  grant(lease: Lease, waiter: RemoteWaiter): void;
}

/** For a gateway that is not part of a cluster. */
export const noRemoteWaiters: RemoteWaiters = {
  serviceCount: 0,
  services: () => [],
  hasWaiting: () => false,
  waiting: () => [],
  grant: (lease) => lease.release(),
};

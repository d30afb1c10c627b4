/** Looks again at the calls that wait for nodes which may not come any more. */

import type { Clock } from "../base/clock.ts";
import type { Hub } from "../node/hub.ts";
import type { Node } from "../node/node.ts";
import type { PenaltyBook } from "../node/penalty.ts";
import { ByService, type Service } from "../node/service.ts";
import type { Lease } from "./lease.ts";
import type { Waiter } from "./fair_queue.ts";
import type { WaitQueues } from "./wait_queues.ts";

export interface StrandedWaitersParts {
  hub: Hub;
  penalties: PenaltyBook;
  clock: Pick<Clock, "after">;
  queues: WaitQueues<Lease>;
  /** Whether a connected node that was not tried may take the call before its wait ends. */
  mayBeServed: (waiter: Waiter<Lease>) => boolean;
  /** Why no node can serve the call. */
  reasonFor: (waiter: Waiter<Lease>) => unknown;
  /** Whether the call leaves free slots alone, because it waits for a faster node. */
  mayWaitInVain: (waiter: Waiter<Lease>) => boolean;
  /** Gives the call a slot that is free, unless a faster node is still worth waiting for. */
  reconsider: (waiter: Waiter<Lease>) => void;
}

/**
 * A node that leaves, withdraws a model, drains, is paused, is penalised or loses its connection may be the last that the
 * calls in a queue could wait for: each is answered as a new call would be. Or it was the faster node for
 * which calls leave free slots alone: they get these. Each call is looked at once, whatever number of
 * nodes leave at a time.
 */
export class StrandedWaiters {
  /** Services whose waiting calls have lost a node. */
  #services = new ByService<Service>();
  #isPlanned = false;

  constructor(private readonly parts: StrandedWaitersParts) {
    const { hub, penalties } = parts;
    const lost = (node: Node) => this.#lost(node);
    hub.watch({ left: lost, barred: lost, interrupted: lost });
    penalties.onBar.subscribe((nodeKey) => {
      const node = hub.find(nodeKey);
      if (node !== undefined) this.#lost(node);
    });
  }

  #lost(node: Node): void {
    const { queues } = this.parts;
    if (queues.isEmpty) return;
    for (const service of node.services()) this.check(service);
  }

  /** Nodes that calls of the service wait for may be lost to them: looks at each call once, in a moment. */
  check(service: Service): void {
    if (this.parts.queues.of(service) === undefined) return;
    this.#services.set(service, service);
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    // A new offer of a node, and a node that moves to another gateway, leave and join in one turn.
    this.parts.clock.after(0, () => this.#checkAll());
  }

  #checkAll(): void {
    const services = this.#services;
    this.#services = new ByService();
    this.#isPlanned = false;
    for (const service of services.values()) this.#checkNow(service);
  }

  #checkNow(service: Service): void {
    const { queues, mayBeServed, reasonFor, mayWaitInVain, reconsider } = this.parts;
    const waiters = [...queues.of(service)?.inOrder() ?? []];
    for (const waiter of waiters) {
      // One that was looked at before may have given its slot to this one.
      if (!queues.of(service)?.has(waiter)) continue;
      if (!mayBeServed(waiter)) waiter.reject(reasonFor(waiter));
      else if (mayWaitInVain(waiter)) reconsider(waiter);
    }
  }
}

/** Calls that wait for a faster node although a slower one has a slot free. */

import type { Clock } from "../base/clock.ts";
import type { Node } from "../node/node.ts";
import type { CallRequest } from "./call.ts";
import type { Waiter } from "./fair_queue.ts";
import type { Lease } from "./lease.ts";
import type { Policies, Wait } from "./policy/policy.ts";

export interface FasterWaitsParts {
  clock: Clock;
  policies: Policies;
  /** How long a call waits for a faster node at most; 0: none does. */
  mostMs: number;
  /** The call takes any node's slot from now on. */
  onOver: (waiter: Waiter<Lease>) => void;
}

interface Entry {
  readonly wait: Wait;
  readonly sinceMs: number;
  isOver: boolean;
  readonly cancel: () => void;
}

/**
 * The policy says whether a wait is worth while. It ends when the call gets a slot of a node that is
 * worth taking, and after its bound: from then on the call takes the first slot that it is given.
 * Each call waits so at most once.
 */
export class FasterWaits {
  readonly #entries = new WeakMap<Waiter<Lease>, Entry>();

  constructor(private readonly parts: FasterWaitsParts) {}

  /** The wait that is better for the call than the node's free slot; null: there is none. `maxWaitMs`: how long it may wait at all. */
  worth(node: Node, request: CallRequest, ahead: number, maxWaitMs: number): Wait | null {
    const { policies, mostMs } = this.parts;
    // An account's own nodes go first, and no call leaves the only node that can serve it.
    if (node.who.accountId === request.accountId || request.requiredNode !== null) return null;
    // Half, so that there is time left to get a slower node's slot.
    const longestMs = Math.min(mostMs, maxWaitMs / 2);
    if (longestMs <= 0) return null;
    const wait = policies(request.model).waitFor?.(node, request, ahead) ?? null;
    if (wait === null) return null;
    return wait.mostMs <= longestMs ? wait : { ...wait, mostMs: longestMs };
  }

  begin(waiter: Waiter<Lease>, wait: Wait): void {
    const { clock, onOver } = this.parts;
    const cancel = clock.after(wait.mostMs, () => {
      entry.isOver = true;
      this.#report(waiter, entry);
      onOver(waiter);
    });
    const entry = { wait, sinceMs: clock.monotonic(), isOver: false, cancel };
    this.#entries.set(waiter, entry);
  }

  /** Whether the call rather waits than takes the slot of the node, which it could have. `ahead`: calls that do so before it. */
  declines(node: Node, waiter: Waiter<Lease>, ahead: number): boolean {
    // A slot that another gateway has offered is held for this call alone.
    if (node.gateway !== null) return false;
    const entry = this.#entries.get(waiter);
    if (entry?.isOver) return false;
    const { call: { request }, tried, sinceMs, maxWaitMs } = waiter;
    if (tried.size > 0) return false;
    const leftMs = maxWaitMs - (this.parts.clock.monotonic() - sinceMs);
    const wait = this.worth(node, request, ahead, leftMs);
    if (wait === null) return false;
    if (entry === undefined) this.begin(waiter, wait);
    return true;
  }

  /** Whether the call waits for a faster node only: no slot is to be sought for it elsewhere. */
  has(waiter: Waiter<Lease>): boolean {
    return this.#entries.get(waiter)?.isOver === false;
  }

  /** The call gets a slot. To be followed by `left`. */
  served(waiter: Waiter<Lease>): void {
    const entry = this.#entries.get(waiter);
    if (entry?.isOver === false) this.#report(waiter, entry, true);
  }

  /** The call does not wait any more. Where it got no slot, nothing is known of how long it would have waited. */
  left(waiter: Waiter<Lease>): void {
    this.#entries.get(waiter)?.cancel();
    this.#entries.delete(waiter);
  }

  #report({ call: { request } }: Waiter<Lease>, { wait, sinceMs }: Entry, isServed = false): void {
    const { clock, policies } = this.parts;
    policies(request.model).waited?.(request, wait, clock.monotonic() - sinceMs, isServed);
  }
}

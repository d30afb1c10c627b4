/** The calls that wait for a slot of one model: bounded, and fair among accounts. */

import type { Call } from "./call.ts";

export interface Waiter<T> {
  call: Call;
  /** Nodes that this call has been tried on. */
  tried: ReadonlySet<string>;
  /** Monotonic milliseconds. */
  sinceMs: number;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
}

/**
 * Accounts take turns; within one account, calls are served in order of arrival. A Map keeps its
 * keys in the order in which they were set, so the account at its front is the one whose turn it is.
 */
export class WaitingLine<T> {
  readonly #byAccount = new Map<string, Waiter<T>[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `first`: this call has waited before and was sent back by a node. */
  add(waiter: Waiter<T>, first = false): void {
    const { accountId } = waiter.call.request;
    const waiters = this.#byAccount.get(accountId) ?? [];
    this.#byAccount.set(accountId, waiters);
    if (first) waiters.unshift(waiter);
    else waiters.push(waiter);
    this.#size++;
  }

  remove(waiter: Waiter<T>): boolean {
    const { accountId } = waiter.call.request;
    const waiters = this.#byAccount.get(accountId);
    const at = waiters?.indexOf(waiter) ?? -1;
    if (waiters === undefined || at < 0) return false;
    waiters.splice(at, 1);
    this.#size--;
    if (waiters.length === 0) this.#byAccount.delete(accountId);
    return true;
  }

  /** The call whose turn it is among those that `fits` accepts; it stays in the line until it is taken. */
  next(fits: (waiter: Waiter<T>) => boolean): Waiter<T> | null {
    for (const waiters of this.#byAccount.values()) {
      const waiter = waiters.find(fits);
      if (waiter) return waiter;
    }
    return null;
  }

  /** Takes a call out because it is served now: its account goes to the back. */
  take(waiter: Waiter<T>): void {
    this.remove(waiter);
    const { accountId } = waiter.call.request;
    const rest = this.#byAccount.get(accountId);
    if (rest === undefined) return;
    this.#byAccount.delete(accountId);
    this.#byAccount.set(accountId, rest);
  }

  /** Everyone in the line, in no particular order. */
  all(): Waiter<T>[] {
    return [...this.#byAccount.values()].flat();
  }
}

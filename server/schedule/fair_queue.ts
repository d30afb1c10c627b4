/** The calls that wait for a slot of one service: fair among accounts. */

import type { Call } from "./call.ts";

export interface Waiter<T> {
  readonly call: Call;
  /** Nodes that this call has been tried on. */
  readonly tried: ReadonlySet<string>;
  /** Monotonic milliseconds. */
  readonly sinceMs: number;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  /** Wants to know how many calls are served before it, itself included. */
  readonly onPosition?: (position: number) => void;
}

/**
 * Accounts take turns; within one account, calls are served in order of arrival. A Map keeps its
 * keys in the order in which they were set, so the account at its front is the one whose turn it is.
 */
export class FairQueue<T> {
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

  has(waiter: Waiter<T>): boolean {
    return this.#byAccount.get(waiter.call.request.accountId)?.includes(waiter) ?? false;
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

  /** Everyone in the line, in the order in which they would be served if nobody came or left. */
  *inOrder(): Iterable<Waiter<T>> {
    let accounts = [...this.#byAccount.values()];
    for (let turn = 0; accounts.length > 0; turn++) {
      for (const waiters of accounts) yield waiters[turn]!;
      accounts = accounts.filter((waiters) => waiters.length > turn + 1);
    }
  }
}

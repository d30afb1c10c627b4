/** The calls that wait for a slot of one service, fair among accounts. */

import type { Call } from "./call.ts";

export interface Waiter<T> {
  readonly call: Call;
  /** Nodes that the call was tried on, by public id. */
  readonly tried: ReadonlySet<string>;
  /** When the call began to wait, in monotonic milliseconds. */
  readonly sinceMs: number;
  /** How long it waits at most. */
  readonly maxWaitMs: number;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  /** Called with the call's 1-based position in the queue; absent: the caller does not ask for it. */
  readonly onPosition?: ((position: number) => void) | undefined;
}

/**
 * Accounts take turns; the calls of one account are served in order of arrival. The account whose
 * turn it is comes first in the Map, which keeps its keys in the order in which they were set.
 */
export class FairQueue<T> {
  readonly #byAccount = new Map<string, Waiter<T>[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `isFirst`: before the other calls of its account. */
  add(waiter: Waiter<T>, isFirst = false): void {
    const { accountId } = waiter.call.request;
    const waiters = this.#byAccount.get(accountId) ?? [];
    this.#byAccount.set(accountId, waiters);
    if (isFirst) waiters.unshift(waiter);
    else waiters.push(waiter);
    this.#size++;
  }

  has(waiter: Waiter<T>): boolean {
    return this.#byAccount.get(waiter.call.request.accountId)?.includes(waiter) ?? false;
  }

  /** Harmless for a waiter that is not in the queue. */
  remove(waiter: Waiter<T>): void {
    const { accountId } = waiter.call.request;
    const waiters = this.#byAccount.get(accountId);
    const index = waiters?.indexOf(waiter) ?? -1;
    if (waiters === undefined || index < 0) return;
    waiters.splice(index, 1);
    this.#size--;
    if (waiters.length === 0) this.#byAccount.delete(accountId);
  }

  /**
   * The waiter whose turn it is among those that `fits` accepts, of the accounts that `mayFit`
   * accepts; it stays in the queue.
   */
  next(
    mayFit: (accountId: string) => boolean,
    fits: (waiter: Waiter<T>) => boolean,
  ): Waiter<T> | null {
    for (const [accountId, waiters] of this.#byAccount) {
      const waiter = mayFit(accountId) ? waiters.find(fits) : undefined;
      if (waiter) return waiter;
    }
    return null;
  }

  /** Removes a waiter that is served now; its account goes to the end. */
  take(waiter: Waiter<T>): void {
    this.remove(waiter);
    const { accountId } = waiter.call.request;
    const rest = this.#byAccount.get(accountId);
    if (rest === undefined) return;
    this.#byAccount.delete(accountId);
    this.#byAccount.set(accountId, rest);
  }

  /** All waiters, in the order in which they would be served if none joined or left. */
  *inOrder(): Iterable<Waiter<T>> {
    let accounts = [...this.#byAccount.values()];
    for (let turn = 0; accounts.length > 0; turn++) {
      for (const waiters of accounts) yield waiters[turn]!;
      accounts = accounts.filter((waiters) => waiters.length > turn + 1);
    }
  }
}

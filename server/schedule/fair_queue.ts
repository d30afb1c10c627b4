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

/** The calls of one account. */
interface Line<T> {
  readonly waiters: Waiter<T>[];
  /** How many turns of a round are its own; 1: as many as most accounts'. */
  readonly weight: number;
  /** Turns that it has left; it is served while there is a whole one. */
  turns: number;
}

/**
 * Accounts take turns by their weights (deficit round robin); the calls of one account are served in
 * order of arrival. The account whose turn it is comes first in the Map, which keeps its keys in the
 * order in which they were set.
 */
export class FairQueue<T> {
  readonly #byAccount = new Map<string, Line<T>>();
  #size = 0;
  /** Accounts whose weight is not 1. */
  #weighted = 0;

  constructor(private readonly weightOf: (accountId: string) => number = () => 1) {}

  get size(): number {
    return this.#size;
  }

  /** `isFirst`: before the other calls of its account. */
  add(waiter: Waiter<T>, isFirst = false): void {
    const { accountId } = waiter.call.request;
    const { waiters } = this.#byAccount.get(accountId) ?? this.#open(accountId);
    if (isFirst) waiters.unshift(waiter);
    else waiters.push(waiter);
    this.#size++;
  }

  has(waiter: Waiter<T>): boolean {
    const line = this.#byAccount.get(waiter.call.request.accountId);
    return line?.waiters.includes(waiter) ?? false;
  }

  /** Harmless for a waiter that is not in the queue. */
  remove(waiter: Waiter<T>): void {
    const { accountId } = waiter.call.request;
    const line = this.#byAccount.get(accountId);
    const index = line?.waiters.indexOf(waiter) ?? -1;
    if (line === undefined || index < 0) return;
    line.waiters.splice(index, 1);
    this.#size--;
    if (line.waiters.length > 0) return;
    this.#byAccount.delete(accountId);
    if (line.weight !== 1) this.#weighted--;
  }

  /**
   * The waiter whose turn it is among those that `fits` accepts, of the accounts that `mayFit`
   * accepts; it stays in the queue.
   */
  next(
    mayFit: (accountId: string) => boolean,
    fits: (waiter: Waiter<T>) => boolean,
  ): Waiter<T> | null {
    for (const [accountId, { waiters }] of this.#inTurn()) {
      const waiter = mayFit(accountId) ? waiters.find(fits) : undefined;
      if (waiter) return waiter;
    }
    return null;
  }

  /** Removes a waiter that is served now; its account goes to the end once it has no turn left. */
  take(waiter: Waiter<T>): void {
    const { accountId } = waiter.call.request;
    const line = this.#byAccount.get(accountId);
    if (line !== undefined && this.#weighted > 0) this.#passRounds(line);
    this.remove(waiter);
    if (line === undefined) return;
    line.turns--;
    if (line.turns < 1 && line.waiters.length > 0) this.#toEnd(accountId, line);
  }

  #toEnd(accountId: string, line: Line<T>): void {
    line.turns += line.weight;
    this.#byAccount.delete(accountId);
    this.#byAccount.set(accountId, line);
  }

  /** The rounds until the account's turn go by for all, and those before it in the last one have no turn in it. */
  #passRounds(line: Line<T>): void {
    const rounds = roundsBefore(line);
    for (const other of this.#byAccount.values()) {
      if (other !== line) other.turns += Math.min(rounds, roundsBefore(other)) * other.weight;
    }
    line.turns += rounds * line.weight;
    for (const [accountId, other] of [...this.#byAccount]) {
      if (other === line) break;
      if (other.turns < 1) this.#toEnd(accountId, other);
    }
  }

  /** All waiters, in the order in which they would be served if none joined or left. */
  *inOrder(): Iterable<Waiter<T>> {
    let lines = [...this.#byAccount.values()].map(({ waiters, weight, turns }) => (
      { waiters, weight, turns, served: 0 }
    ));
    while (lines.length > 0) {
      for (const line of lines) {
        for (; line.turns >= 1 && line.served < line.waiters.length; line.turns--) {
          yield line.waiters[line.served++]!;
        }
        line.turns += line.weight;
      }
      lines = lines.filter(({ waiters, served }) => waiters.length > served);
    }
  }

  #open(accountId: string): Line<T> {
    const weight = this.weightOf(accountId);
    const line = { waiters: [], weight, turns: weight };
    this.#byAccount.set(accountId, line);
    if (weight !== 1) this.#weighted++;
    return line;
  }

  /** The accounts in the order in which it is their turn. */
  #inTurn(): Iterable<[accountId: string, line: Line<T>]> {
    if (this.#weighted === 0) return this.#byAccount;
    return [...this.#byAccount].sort(([, a], [, b]) => roundsBefore(a) - roundsBefore(b));
  }
}

/** After how many rounds the account has a turn. */
function roundsBefore({ turns, weight }: Pick<Line<unknown>, "turns" | "weight">): number {
  return turns >= 1 ? 0 : Math.ceil((1 - turns) / weight);
}

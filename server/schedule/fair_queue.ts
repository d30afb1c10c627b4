/** The calls that wait for a slot of one service, fair among accounts. */

import type { Call, CallRequest } from "./call.ts";
import { type Placed, ShareHeap } from "./share_heap.ts";
import type { Ordered, Share, TokenShares } from "./token_shares.ts";

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

/** Calls whose order is forecast at once, at most. */
const MAX_FORECAST = 1_000;

/** What a line is ordered by. */
interface Rank {
  /** What its account has received. */
  readonly received: number;
  /** Among accounts that have received as much: what its group has, with those of it that came before. */
  readonly groupReceived: number;
  /** Among these: when the account was served last. */
  readonly servedAt: number;
  /** Among these: when the line was opened. */
  readonly openedAt: number;
}

/**
 * The account that has received the fewest tokens is served first, of several such one of the group
 * that has; the calls of one account are served in order of arrival.
 */
export class FairQueue<T> {
  readonly #byAccount = new Map<string, Line<T>>();
  readonly #lines = new ShareHeap<Line<T>>(isBefore);
  /** Lines that wait now, by their accounts' group. */
  readonly #linesByGroup = new Map<string, number>();
  #size = 0;
  #opened = 0;

  constructor(private readonly shares: TokenShares) {}

  get size(): number {
    return this.#size;
  }

  /** `isFirst`: before the other calls of its account. */
  add(waiter: Waiter<T>, isFirst = false): void {
    const { request } = waiter.call;
    const line = this.#byAccount.get(request.accountId);
    const share = this.shares.entered(request, line?.share);
    const { waiters } = line ?? this.#open(request, share);
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
    const { request } = waiter.call;
    const line = this.#byAccount.get(request.accountId);
    const index = line?.waiters.indexOf(waiter) ?? -1;
    if (line === undefined || index < 0) return;
    line.waiters.splice(index, 1);
    this.#size--;
    this.shares.left(line.share, request);
    if (line.waiters.length === 0) this.#close(request.accountId, line);
  }

  /**
   * The waiter that is served next among those that `fits` accepts, of the accounts that `mayFit`
   * accepts, with its account's share; it stays in the queue.
   */
  next(
    mayFit: (accountId: string) => boolean,
    fits: (waiter: Waiter<T>) => boolean,
  ): Next<T> | null {
    const { first } = this.#lines;
    const of = (line: Line<T>) => mayFit(line.accountId) ? nextOf(line, fits) : null;
    // Mostly every waiter fits.
    const found = first === undefined ? null : of(first);
    if (found !== null || this.#lines.size < 2) return found;
    for (const line of this.#lines.inOrder()) {
      const found = line === first ? null : of(line);
      if (found !== null) return found;
    }
    return null;
  }

  /** The same of one account. */
  nextOf(accountId: string, fits: (waiter: Waiter<T>) => boolean): Next<T> | null {
    const line = this.#byAccount.get(accountId);
    return line === undefined ? null : nextOf(line, fits);
  }

  /** Removes a waiter that is served now. */
  take(waiter: Waiter<T>): void {
    const { request } = waiter.call;
    const line = this.#byAccount.get(request.accountId);
    this.remove(waiter);
    if (line === undefined) return;
    this.shares.served(line.share, request);
    if (line.place >= 0) line.moved();
  }

  /** All waiters, in the order in which they would be served if none joined or left. */
  *inOrder(): Iterable<Waiter<T>> {
    for (const waiter of this.#forecast(this.#entrants())) if (waiter !== null) yield waiter;
  }

  /** How many would be served before a call that came now; in a very long queue, how many at most. */
  ahead(request: Pick<CallRequest, "model" | "endpoint" | "accountId">): number {
    // Every call that is refused asks for it.
    if (this.#size > MAX_FORECAST) return this.#size;
    const entrants = [...this.#entrants()];
    const own = entrants.find(({ line }) => line?.accountId === request.accountId);
    if (own === undefined) {
      const { received, servedAt } = this.shares.preview(request);
      const groupReceived = this.#groupReceived(request);
      const rank = { received, groupReceived, servedAt, openedAt: Infinity };
      entrants.push({ line: null, rank, waiters: [null], share: null, served: 0, place: -1 });
    } else own.waiters = [...own.waiters, null];
    let ahead = 0;
    for (const waiter of this.#forecast(entrants)) {
      if (waiter === null) return ahead;
      ahead++;
    }
    return ahead;
  }

  /**
   * The order in which they would be served, if each call cost its account what it is expected to cost.
   * Null: the call that is asked about.
   */
  *#forecast(entrants: Iterable<Entrant<T>>): Iterable<Waiter<T> | null> {
    const queue = new ShareHeap<Entrant<T>>((a, b) => isBefore(a.rank, b.rank));
    for (const entrant of entrants) queue.add(entrant);
    let served = Number.MAX_SAFE_INTEGER / 2;
    for (let entrant; (entrant = queue.first) !== undefined;) {
      const waiter = entrant.waiters[entrant.served++]!;
      yield waiter;
      if (waiter === null || entrant.served === entrant.waiters.length) {
        queue.remove(entrant);
        continue;
      }
      const { rank, share } = entrant;
      const cost = this.shares.cost(share!, waiter.call.request, waiter.call.promptBytes);
      entrant.rank = { ...rank, received: rank.received + cost, servedAt: ++served };
      queue.moved(entrant);
    }
  }

  *#entrants(): Iterable<Entrant<T>> {
    for (const line of this.#byAccount.values()) {
      const { received, groupReceived, servedAt, openedAt, waiters, share } = line;
      const rank = { received, groupReceived, servedAt, openedAt };
      yield { line, rank, waiters, share, served: 0, place: -1 };
    }
  }

  #open(request: CallRequest, share: Share): Line<T> {
    const group = this.shares.groupOf(request)?.id ?? null;
    const groupReceived = this.#groupReceived(request);
    const openedAt = ++this.#opened;
    const line = new Line<T>(request.accountId, share, group, groupReceived, openedAt, this.#lines);
    this.#byAccount.set(request.accountId, line);
    this.#lines.add(line);
    share.ordered.add(line);
    if (group !== null) this.#linesByGroup.set(group, (this.#linesByGroup.get(group) ?? 0) + 1);
    return line;
  }

  #close(accountId: string, line: Line<T>): void {
    this.#byAccount.delete(accountId);
    this.#lines.remove(line);
    line.share.ordered.delete(line);
    if (line.group === null) return;
    const rest = (this.#linesByGroup.get(line.group) ?? 1) - 1;
    if (rest > 0) this.#linesByGroup.set(line.group, rest);
    else this.#linesByGroup.delete(line.group);
  }

  /** What the account's group will have received once those of it are served that wait already. */
  #groupReceived(request: Pick<CallRequest, "model" | "endpoint" | "accountId">): number {
    const group = this.shares.groupOf(request);
    if (group === null) return this.shares.groupLevel(request);
    const before = this.#linesByGroup.get(group.id) ?? 0;
    const cost = this.shares.cost(group.share, { ...request, accountId: "" }, 0);
    return group.share.received + before * cost / group.weight;
  }
}

/** The calls of one account. */
class Line<T> implements Placed, Ordered, Rank {
  place = -1;
  readonly waiters: Waiter<T>[] = [];

  constructor(
    readonly accountId: string,
    readonly share: Share,
    readonly group: string | null,
    readonly groupReceived: number,
    readonly openedAt: number,
    private readonly lines: ShareHeap<Line<T>>,
  ) {}

  get received(): number {
    return this.share.received;
  }

  get servedAt(): number {
    return this.share.servedAt;
  }

  moved(): void {
    this.lines.moved(this);
  }
}

/** A line in a forecast. */
interface Entrant<T> extends Placed {
  readonly line: Line<T> | null;
  readonly share: Share | null;
  rank: Rank;
  /** Null: the call that is asked about, which is the last one. */
  waiters: readonly (Waiter<T> | null)[];
  served: number;
}

interface Next<T> {
  readonly waiter: Waiter<T>;
  readonly share: Share;
}

function nextOf<T>(
  { waiters, share }: Line<T>,
  fits: (waiter: Waiter<T>) => boolean,
): Next<T> | null {
  const waiter = waiters.find(fits);
  return waiter === undefined ? null : { waiter, share };
}

function isBefore(a: Rank, b: Rank): boolean {
  if (a.received !== b.received) return a.received < b.received;
  if (a.groupReceived !== b.groupReceived) return a.groupReceived < b.groupReceived;
  if (a.servedAt !== b.servedAt) return a.servedAt < b.servedAt;
  return a.openedAt < b.openedAt;
}

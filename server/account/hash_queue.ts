/** Passwords that wait to be checked: who was served least goes first, and sign-ins go before new accounts. */

import { type Clock, HOUR_MS } from "../base/clock.ts";
import { LruCache } from "../base/lru.ts";
import { providerOf } from "./network.ts";

/** For whom a password is hashed. */
export interface HashOrder {
  /** The network that asks; absent: an operator, who is not limited as a network is. */
  network?: string;
  /** New accounts wait until no sign-in does. */
  isNewAccount?: boolean;
}

export interface HashQueueOptions {
  /** How many wait at most. */
  limit: number;
  /** Of one network. */
  limitPerNetwork: number;
  clock: Pick<Clock, "monotonic">;
}

/** Why an order finds no place: the queue is full, or its network has as many places as it may. */
export type NoPlace = "full" | "network";

interface Waiter {
  readonly order: HashOrder;
  readonly resume: () => void;
  /** Its place went to another order. */
  readonly displace: () => void;
}

/** By network, the one whose turn is next first. */
type Lines = Map<string | undefined, Waiter[]>;

interface Line {
  readonly lines: Lines;
  readonly network: string | undefined;
}

/**
 * Two rules find an order a place in a full queue. It takes the last place of the network that has
 * the most, if that one has more than the order's own would have then. Where none has, it takes the
 * place of the network that was served most in the last hours, if its own was served less. So one
 * that newly arrives finds a place however many wait, unless all of them are as new as it is: and each
 * network, and each provider of networks, is new once.
 */
export class HashQueue {
  readonly #signIns: Lines = new Map();
  readonly #newAccounts: Lines = new Map();
  readonly #served: ServedNetworks;
  #size = 0;

  constructor(private readonly options: HashQueueOptions) {
    this.#served = new ServedNetworks(options.clock);
  }

  get size(): number {
    return this.#size;
  }

  /** Why the order would find no place now; null: it would find one. */
  obstacle(order: HashOrder): NoPlace | null {
    const { limit, limitPerNetwork } = this.options;
    const isLimited = order.network !== undefined;
    if (isLimited && this.#countOf(order.network) >= limitPerNetwork) return "network";
    return this.#size < limit || this.#displacedBy(order) !== null ? null : "full";
  }

  /** Adds an order for which there is no obstacle; the last of another network may have to leave for it. */
  add(waiter: Waiter): void {
    const last = this.#size < this.options.limit ? null : this.#displacedBy(waiter.order);
    if (last !== null) this.#displace(last);
    const lines = this.#linesOf(waiter.order);
    const line = lines.get(waiter.order.network) ?? [];
    lines.set(waiter.order.network, line);
    line.push(waiter);
    this.#size++;
  }

  /** Takes out the one whose turn it is. */
  next(): Waiter | undefined {
    return this.#nextOf(this.#signIns) ?? this.#nextOf(this.#newAccounts);
  }

  /** Of networks that were served alike, the one whose turn it is. */
  #nextOf(lines: Lines): Waiter | undefined {
    if (lines.size === 0) return undefined;
    const network = this.#extreme(lines, (one, least) => one < least);
    const line = lines.get(network)!;
    const waiter = line.shift();
    lines.delete(network);
    if (line.length > 0) lines.set(network, line);
    this.#size--;
    this.#served.add(network);
    return waiter;
  }

  /** The first network of those whose share of service no other's goes beyond. */
  #extreme(lines: Lines, isBeyond: (one: number, other: number) => boolean): string | undefined {
    const [first, ...others] = lines.keys();
    let found = { network: first, share: this.#served.share(first) };
    for (const network of others) {
      const share = this.#served.share(network);
      if (isBeyond(share, found.share)) found = { network, share };
    }
    return found.network;
  }

  /** The line whose last place the order may have; null: there is none. */
  #displacedBy(order: HashOrder): Line | null {
    const longest = this.#longest([this.#signIns, this.#newAccounts]);
    if (this.#countOf(longest) > this.#countOf(order.network) + 1) return this.#lastLineOf(longest);
    // A sign-in goes before any new account.
    if (!order.isNewAccount && this.#newAccounts.size > 0) {
      return this.#lastLineOf(this.#longest([this.#newAccounts]));
    }
    return this.#mostServedBefore(order);
  }

  /** Of the lines that the order could go ahead of; null: its own network was served as much. */
  #mostServedBefore({ network, isNewAccount = false }: HashOrder): Line | null {
    const lines = isNewAccount ? this.#newAccounts : this.#signIns;
    if (lines.size === 0) return null;
    const most = this.#extreme(lines, (one, most) => one > most);
    return this.#served.share(most) > this.#served.share(network) ? { lines, network: most } : null;
  }

  #displace({ lines, network }: Line): void {
    const line = lines.get(network);
    const waiter = line?.pop();
    if (line?.length === 0) lines.delete(network);
    this.#size--;
    waiter?.displace();
  }

  /** The network that has the most places, of those in these lines. */
  #longest(all: readonly Lines[]): string | undefined {
    const networks = all.flatMap((lines) => [...lines.keys()]);
    return networks.reduce((longest, network) =>
      this.#countOf(network) > this.#countOf(longest) ? network : longest
    );
  }

  /** A network's new accounts give way before its sign-ins do. */
  #lastLineOf(network: string | undefined): Line {
    return { lines: this.#newAccounts.has(network) ? this.#newAccounts : this.#signIns, network };
  }

  #countOf(network: string | undefined): number {
    const counts = [this.#signIns, this.#newAccounts].map((lines) => lines.get(network)?.length);
    return counts.reduce<number>((sum, count = 0) => sum + count, 0);
  }

  #linesOf({ isNewAccount = false }: HashOrder): Lines {
    return isNewAccount ? this.#newAccounts : this.#signIns;
  }
}

/** Networks, or providers of networks, of which it is remembered how much they were served. */
const MAX_REMEMBERED = 20_000;

/** After so long, what was served counts half. */
const HALF_LIFE_MS = HOUR_MS;

/** Counted as of one moment, and halved with time. */
interface Count {
  count: number;
  atMs: number;
}

/** How much each network, and each provider of networks, was served in the last hours. */
class ServedNetworks {
  readonly #networks = new LruCache<string, Count>(MAX_REMEMBERED);
  readonly #providers = new LruCache<string, Count>(MAX_REMEMBERED);

  constructor(private readonly clock: Pick<Clock, "monotonic">) {}

  add(network: string | undefined): void {
    if (network === undefined) return;
    this.#count(this.#networks, network);
    this.#count(this.#providers, providerOf(network));
  }

  /** 0: it is new. An operator always is. */
  share(network: string | undefined): number {
    if (network === undefined) return 0;
    return this.#now(this.#networks.peek(network)) +
      this.#now(this.#providers.peek(providerOf(network)));
  }

  #count(counts: LruCache<string, Count>, name: string): void {
    const count = this.#now(counts.get(name)) + 1;
    counts.set(name, { count, atMs: this.clock.monotonic() });
  }

  #now({ count, atMs }: Count = { count: 0, atMs: 0 }): number {
    return count * 2 ** ((atMs - this.clock.monotonic()) / HALF_LIFE_MS);
  }
}

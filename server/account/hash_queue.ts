/** Passwords that wait to be checked: who was served least goes first, and sign-ins go before new accounts. */

import { type Clock, HOUR_MS } from "../base/clock.ts";
import { LruCache } from "../base/lru.ts";
import { providerOf } from "./network.ts";

/** For whom a password is hashed. */
export interface HashOrder {
  /** The network that asks; absent: an operator, who is not limited as a network is. */
  network?: string;
  /**
   * The account, where it has signed in from the network before. It waits as itself, not as one of the
   * network, and ahead of networks that are new, a few times an hour.
   */
  knownAccount?: string;
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

/** By party, the one whose turn is next first. */
type Lines = Map<Party, Waiter[]>;

/** Who waits: a network, an account that is known there, or an operator. */
type Party = string | undefined;

interface Line {
  readonly lines: Lines;
  readonly party: Party;
}

/**
 * Two rules find an order a place in a full queue. It takes the last place of the network that has
 * the most, if that one has more than the order's own would have then. Where none has, it takes the
 * place of the network that was served most in the last hours, if its own was served less. So one
 * that newly arrives finds a place however many wait, unless all of them are as new as it is: and each
 * network, and each provider of networks, is new once. Attackers may have thousands of them; an account
 * that has signed in from its network before finds a place even then.
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
    const party = partyOf(order);
    if (party !== undefined && this.#countOf(party) >= limitPerNetwork) return "network";
    return this.#size < limit || this.#displacedBy(order) !== null ? null : "full";
  }

  /** Adds an order for which there is no obstacle; the last of another network may have to leave for it. */
  add(waiter: Waiter): void {
    const last = this.#size < this.options.limit ? null : this.#displacedBy(waiter.order);
    if (last !== null) this.#displace(last);
    const lines = this.#linesOf(waiter.order);
    const party = partyOf(waiter.order);
    const line = lines.get(party) ?? [];
    lines.set(party, line);
    line.push(waiter);
    this.#size++;
  }

  /** Takes out the one whose turn it is. */
  next(): Waiter | undefined {
    return this.#nextOf(this.#signIns) ?? this.#nextOf(this.#newAccounts);
  }

  /** Of parties that were served alike, the one whose turn it is. */
  #nextOf(lines: Lines): Waiter | undefined {
    if (lines.size === 0) return undefined;
    const party = this.#extreme(lines, (one, least) => one < least);
    const line = lines.get(party)!;
    const waiter = line.shift();
    lines.delete(party);
    if (line.length > 0) lines.set(party, line);
    this.#size--;
    this.#served.add(party);
    return waiter;
  }

  /** The first party of those whose share of service no other's goes beyond. */
  #extreme(lines: Lines, isBeyond: (one: number, other: number) => boolean): Party {
    const [first, ...others] = lines.keys();
    let found = { party: first, share: this.#served.share(first) };
    for (const party of others) {
      const share = this.#served.share(party);
      if (isBeyond(share, found.share)) found = { party, share };
    }
    return found.party;
  }

  /** The line whose last place the order may have; null: there is none. */
  #displacedBy(order: HashOrder): Line | null {
    const longest = this.#longest([this.#signIns, this.#newAccounts]);
    if (this.#countOf(longest) > this.#countOf(partyOf(order)) + 1) {
      return this.#lastLineOf(longest);
    }
    // A sign-in goes before any new account.
    if (!order.isNewAccount && this.#newAccounts.size > 0) {
      return this.#lastLineOf(this.#longest([this.#newAccounts]));
    }
    return this.#mostServedBefore(order);
  }

  /** Of the lines that the order could go ahead of; null: its own party was served as much. */
  #mostServedBefore(order: HashOrder): Line | null {
    const lines = this.#linesOf(order);
    if (lines.size === 0) return null;
    const most = this.#extreme(lines, (one, most) => one > most);
    const isMore = this.#served.share(most) > this.#served.share(partyOf(order));
    return isMore ? { lines, party: most } : null;
  }

  #displace({ lines, party }: Line): void {
    const line = lines.get(party);
    const waiter = line?.pop();
    if (line?.length === 0) lines.delete(party);
    this.#size--;
    waiter?.displace();
  }

  /** The party that has the most places, of those in these lines. */
  #longest(all: readonly Lines[]): Party {
    const parties = all.flatMap((lines) => [...lines.keys()]);
    return parties.reduce((longest, party) =>
      this.#countOf(party) > this.#countOf(longest) ? party : longest
    );
  }

  /** A party's new accounts give way before its sign-ins do. */
  #lastLineOf(party: Party): Line {
    return { lines: this.#newAccounts.has(party) ? this.#newAccounts : this.#signIns, party };
  }

  #countOf(party: Party): number {
    const counts = [this.#signIns, this.#newAccounts].map((lines) => lines.get(party)?.length);
    return counts.reduce<number>((sum, count = 0) => sum + count, 0);
  }

  #linesOf({ isNewAccount = false }: HashOrder): Lines {
    return isNewAccount ? this.#newAccounts : this.#signIns;
  }
}

/** Whose order it is, for taking turns. */
function partyOf({ network, knownAccount }: HashOrder): Party {
  return knownAccount === undefined ? network : KNOWN + knownAccount;
}

/** No network begins like this. */
const KNOWN = "account ";

/** A known account that was served this often in the last hour has the turn of a new network. */
const KNOWN_TURNS = 3;

/** Parties, or providers of networks, of which it is remembered how much they were served. */
const MAX_REMEMBERED = 20_000;

/** After so long, what was served counts half. */
const HALF_LIFE_MS = HOUR_MS;

/** Counted as of one moment, and halved with time. */
interface Count {
  count: number;
  atMs: number;
}

/** How much each party, and each provider of networks, was served in the last hours. */
class ServedNetworks {
  readonly #parties = new LruCache<string, Count>(MAX_REMEMBERED);
  readonly #providers = new LruCache<string, Count>(MAX_REMEMBERED);

  constructor(private readonly clock: Pick<Clock, "monotonic">) {}

  add(party: Party): void {
    if (party === undefined) return;
    this.#count(this.#parties, party);
    if (!party.startsWith(KNOWN)) this.#count(this.#providers, providerOf(party));
  }

  /** How much the party was served, with its provider: 0 for a new network, and always for an operator. */
  share(party: Party): number {
    if (party === undefined) return 0;
    const own = this.#now(this.#parties.peek(party));
    if (party.startsWith(KNOWN)) return own - KNOWN_TURNS;
    return own + this.#now(this.#providers.peek(providerOf(party)));
  }

  #count(counts: LruCache<string, Count>, name: string): void {
    const count = this.#now(counts.get(name)) + 1;
    counts.set(name, { count, atMs: this.clock.monotonic() });
  }

  #now({ count, atMs }: Count = { count: 0, atMs: 0 }): number {
    return count * 2 ** ((atMs - this.clock.monotonic()) / HALF_LIFE_MS);
  }
}

/** Passwords that wait to be checked: networks take turns, and sign-ins go before new accounts. */

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
 * Networks are served by turns. In a full queue an order takes the last place of the network that has
 * the most, if that one has more than the order's own would have then: as long as fewer networks wait
 * than there are places, one that comes anew finds one, however many passwords others send.
 */
export class HashQueue {
  readonly #signIns: Lines = new Map();
  readonly #newAccounts: Lines = new Map();
  #size = 0;

  constructor(private readonly options: HashQueueOptions) {}

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

  #nextOf(lines: Lines): Waiter | undefined {
    for (const [network, line] of lines) {
      const waiter = line.shift();
      lines.delete(network);
      if (line.length > 0) lines.set(network, line);
      this.#size--;
      return waiter;
    }
    return undefined;
  }

  /** The line whose last place the order may have; null: there is none. */
  #displacedBy(order: HashOrder): Line | null {
    const longest = this.#longest([this.#signIns, this.#newAccounts]);
    if (this.#countOf(longest) > this.#countOf(order.network) + 1) return this.#lastLineOf(longest);
    // A sign-in goes before any new account.
    if (order.isNewAccount || this.#newAccounts.size === 0) return null;
    return this.#lastLineOf(this.#longest([this.#newAccounts]));
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

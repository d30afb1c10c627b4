/** From which networks each account has signed in with its password since this gateway started. */

import { LruCache } from "../base/lru.ts";

const MAX_ACCOUNTS = 20_000;
/** Networks of one account. An account evicts its own networks only. */
const MAX_NETWORKS = 8;

export class KnownNetworks {
  /** By account, the networks that it has signed in from, the latest last. */
  readonly #networks = new LruCache<string, readonly string[]>(MAX_ACCOUNTS);

  add(accountId: string, network: string): void {
    const others = (this.#networks.get(accountId) ?? []).filter((other) => other !== network);
    this.#networks.set(accountId, [...others, network].slice(-MAX_NETWORKS));
  }

  has(accountId: string, network: string): boolean {
    return this.#networks.peek(accountId)?.includes(network) === true;
  }
}

/** Whose calls somebody looks at, at which gateway: only these are told there as they end. */

import { Emitter } from "../base/emitter.ts";
import type { PeerMessage } from "./peer_message.ts";

/** More accounts than this are not remembered of one peer, and go into one message. */
const MAX_ACCOUNTS = 5_000;
const MAX_PER_MESSAGE = 1_000;

export interface WatchesParts {
  say: (peer: string, message: PeerMessage) => void;
  sayToAll: (message: PeerMessage) => void;
}

export class Watches {
  /** Accounts that are looked at here, and by peer those that are looked at there. */
  readonly #here = new Set<string>();
  readonly #there = new Map<string, Set<string>>();

  /** An event of an account that is looked at here; `data` is JSON. */
  readonly onEvent = new Emitter<[accountId: string, name: string, data: string]>();

  constructor(private readonly parts: WatchesParts) {}

  /** Somebody begins to look at the account's calls here, or nobody does any more. */
  watch(accountId: string, isWatched: boolean): void {
    if (this.#here.has(accountId) === isWatched) return;
    if (isWatched) this.#here.add(accountId);
    else this.#here.delete(accountId);
    this.parts.sayToAll({ is: "watch", accounts: [accountId], isWatched });
  }

  /** Whether somebody looks at the account's calls at another gateway. */
  isWatched(accountId: string): boolean {
    for (const accounts of this.#there.values()) if (accounts.has(accountId)) return true;
    return false;
  }

  /** Tells those who look elsewhere. */
  tell(account: string, name: string, data: string): void {
    for (const [peer, accounts] of this.#there) {
      if (accounts.has(account)) this.parts.say(peer, { is: "live", account, name, data });
    }
  }

  heard(peer: string, message: Extract<PeerMessage, { is: "watch" | "live" }>): void {
    if (message.is === "live") {
      return this.onEvent.emit(message.account, message.name, message.data);
    }
    const accounts = this.#there.get(peer) ?? new Set<string>();
    this.#there.set(peer, accounts);
    for (const account of message.accounts) {
      if (!message.isWatched) accounts.delete(account);
      else if (accounts.size < MAX_ACCOUNTS) accounts.add(account);
    }
  }

  /** A peer can be reached now: it hears who looks here. */
  peerCame(peer: string): void {
    const all = [...this.#here];
    for (let at = 0; at < all.length; at += MAX_PER_MESSAGE) {
      const accounts = all.slice(at, at + MAX_PER_MESSAGE);
      this.parts.say(peer, { is: "watch", accounts, isWatched: true });
    }
  }

  peerLeft(peer: string): void {
    this.#there.delete(peer);
  }
}

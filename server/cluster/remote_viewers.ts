/** Console viewers of an account's calls: which gateway has one, so that events are sent only there. */

import { Emitter } from "../base/emitter.ts";
import type { PeerMessage } from "./peer_message.ts";

/** Accounts remembered of one peer. */
const MAX_ACCOUNTS = 5_000;

/** Accounts in one message. */
const MAX_PER_MESSAGE = 1_000;

export interface RemoteViewersParts {
  send: (peer: string, message: PeerMessage) => void;
  /** Sends to all linked peers. */
  broadcast: (message: PeerMessage) => void;
}

export class RemoteViewers {
  /** An event of an account that has a viewer here; `data` is JSON. */
  readonly onEvent = new Emitter<[accountId: string, name: string, data: string]>();
  /** Accounts with a viewer here. */
  readonly #local = new Set<string>();
  /** Accounts with a viewer at a peer, by peer. */
  readonly #remote = new Map<string, Set<string>>();

  constructor(private readonly parts: RemoteViewersParts) {}

  /** The account's first viewer here has come, or its last one has gone. */
  watch(accountId: string, isWatched: boolean): void {
    if (this.#local.has(accountId) === isWatched) return;
    if (isWatched) this.#local.add(accountId);
    else this.#local.delete(accountId);
    this.parts.broadcast({ is: "watch", accounts: [accountId], isWatched });
  }

  /** Whether the account has a viewer at another gateway. */
  isWatched(accountId: string): boolean {
    for (const accounts of this.#remote.values()) if (accounts.has(accountId)) return true;
    return false;
  }

  /** Sends an event to the gateways that have a viewer of the account. `data` is JSON. */
  tell(account: string, name: string, data: string): void {
    for (const [peer, accounts] of this.#remote) {
      if (accounts.has(account)) this.parts.send(peer, { is: "live", account, name, data });
    }
  }

  receive(peer: string, message: Extract<PeerMessage, { is: "watch" | "live" }>): void {
    if (message.is === "live") {
      return this.onEvent.emit(message.account, message.name, message.data);
    }
    const accounts = this.#remote.get(peer) ?? new Set<string>();
    this.#remote.set(peer, accounts);
    for (const account of message.accounts) {
      if (!message.isWatched) accounts.delete(account);
      else if (accounts.size < MAX_ACCOUNTS) accounts.add(account);
    }
  }

  /** Reports the accounts that have a viewer here to a new peer. */
  peerLinked(peer: string): void {
    const all = [...this.#local];
    for (let at = 0; at < all.length; at += MAX_PER_MESSAGE) {
      const accounts = all.slice(at, at + MAX_PER_MESSAGE);
      this.parts.send(peer, { is: "watch", accounts, isWatched: true });
    }
  }

  peerLost(peer: string): void {
    this.#remote.delete(peer);
  }
}

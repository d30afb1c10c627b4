/** Deletes accounts, and ends at once on this gateway what the account had; the others follow within seconds. */

import { ColinkError } from "../base/error.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "../store/store.ts";
import type { SessionBook } from "./session_book.ts";

export interface AccountDeletionOptions {
  store: Pick<Store, "deleteAccount" | "nodes">;
  keyring: {
    revoked(keyIds: readonly string[]): void;
    accountDeleted(accountId: string): void;
  };
  sessions: Pick<SessionBook, "ended">;
  groups: { refresh(): Promise<void> };
  log: Log;
}

/** Nodes deleted in one transaction, each with its timeline. */
const NODES_PER_CHUNK = 50;

export class AccountDeletion {
  constructor(private readonly options: AccountDeletionOptions) {}

  /**
   * The address that the account had. Throws `not_found`, `invalid_request` for the last
   * administrator, or `store_unavailable`.
   */
  async run(accountId: string): Promise<string> {
    const { store, keyring, sessions } = this.options;
    const deleted = await store.deleteAccount(accountId);
    if (deleted === null) {
      throw new ColinkError("not_found", "Cannot delete the account: there is none of that id");
    }
    keyring.revoked(deleted.keyIds);
    keyring.accountDeleted(accountId);
    sessions.ended(deleted.sessionIds);
    await this.#tidy();
    return deleted.email;
  }

  /** The account is deleted already: what fails here is made up for by the next poll, and by retention. */
  async #tidy(): Promise<void> {
    const { store, groups, log } = this.options;
    try {
      await groups.refresh();
      while (await store.nodes.pruneOwnerless(NODES_PER_CHUNK) === NODES_PER_CHUNK);
    } catch (error) {
      log.warn({ cause: String(error) }, "could not yet forget all nodes of a deleted account");
    }
  }
}

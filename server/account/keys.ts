/** An account's keys: each with a name, limits and an expiry of its own; created, changed, rotated and revoked by their owner. */

import type {
  CreatedKey,
  KeyChange,
  KeyView,
  NewKey,
  RotatedKey,
  TokenKind,
} from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { defined } from "../base/defined.ts";
import { ColinkError } from "../base/error.ts";
import { newId } from "../base/new_id.ts";
import type { KeyKind, KeyRow, Store } from "../store/store.ts";
import { newToken, type TokenVault } from "./tokens.ts";

export interface KeysOptions {
  store: Pick<Store, "keys">;
  vault: TokenVault;
  /** Notified of keys that were revoked or changed by this gateway. */
  keyring: { revoked(keyIds: readonly string[]): void; changed(keyId: string): void };
  clock: Clock;
}

const kinds: Readonly<Record<TokenKind, KeyKind>> = { api: "api", client: "node" };
const tokenKinds: Readonly<Record<KeyKind, TokenKind>> = { api: "api", node: "client" };

/** Every method throws `store_unavailable` while the database is away. */
export class Keys {
  readonly #options: KeysOptions;

  constructor(options: KeysOptions) {
    this.#options = options;
  }

  /** The account's working keys, newest first. */
  async list(accountId: string): Promise<KeyView[]> {
    const rows = await this.#options.store.keys.ofAccount(accountId);
    return rows.reverse().map((row) => this.#view(row));
  }

  /** Throws `too_many` once the account has as many keys as it may have. */
  async create(accountId: string, spec: NewKey): Promise<CreatedKey> {
    const { name, kind = "api", models = null, rpm = null, route = null, budget = null } = spec;
    const { expires_at: expiresAt = null } = spec;
    const limits = { name, models, rpm, route, budget, expiresAt };
    const { key, token } = this.fresh(accountId, kinds[kind], limits);
    await this.#options.store.keys.add(key);
    return { key: this.#view(key), token };
  }

  /** Throws `not_found`. */
  async change(accountId: string, keyId: string, change: KeyChange): Promise<KeyView> {
    const { expires_at: expiresAt, ...rest } = change;
    const changes = defined({ ...rest, expiresAt });
    const row = await this.#options.store.keys.change(accountId, keyId, changes);
    if (row === null) throw unknownKey("change");
    this.#options.keyring.changed(keyId);
    return this.#view(row);
  }

  /** The key stops working here at once, and on other gateways within seconds. Throws `not_found`, or `invalid_request` for a default key, which is none any more once it was replaced. */
  async revoke(accountId: string, keyId: string): Promise<KeyView> {
    const row = await this.#find(accountId, keyId, "revoke");
    if (row.isDefault) {
      throw new ColinkError(
        "invalid_request",
        "Cannot revoke the account's own token: replace it instead, which ends the old one",
        { problem: { code: "account_token" } },
      );
    }
    if (!await this.#options.store.keys.revoke(accountId, keyId)) throw unknownKey("revoke");
    this.#options.keyring.revoked([keyId]);
    return this.#view(row);
  }

  /**
   * Replaces a key by a new one. The old key works for `overlapMs` more. Throws `not_found`, also for
   * a key that was replaced before.
   */
  async rotate(accountId: string, keyId: string, overlapMs: number): Promise<RotatedKey> {
    const old = await this.#find(accountId, keyId, "replace");
    const { key, token } = this.successor(old);
    const revoked = await this.#options.store.keys.rotate(key, { replaced: keyId, overlapMs });
    if (revoked === null) throw unknownKey("replace");
    this.#options.keyring.revoked(revoked);
    this.#options.keyring.changed(keyId);
    const working = await this.#options.store.keys.ofAccount(accountId);
    const replaced = working.find(({ id }) => id === keyId);
    return {
      key: this.#view(key),
      token,
      replaced: replaced === undefined ? null : this.#view(replaced),
    };
  }

  /** A new key, not yet stored. */
  fresh(
    accountId: string,
    kind: KeyKind,
    more: Partial<
      Pick<
        KeyRow,
        "name" | "models" | "rpm" | "route" | "budget" | "expiresAt" | "isDefault" | "family"
      >
    >,
  ): { key: KeyRow; token: string } {
    const { vault } = this.#options;
    const token = newToken(kind);
    const id = newId("key_");
    const { isDefault = false } = more;
    const key: KeyRow = {
      id,
      accountId,
      kind,
      digest: vault.digest(token),
      // Only the default tokens can be shown again later; the others are kept nowhere.
      sealed: isDefault ? vault.seal(token) : "",
      hint: hintOf(token),
      name: "",
      rpm: null,
      models: null,
      route: null,
      budget: null,
      family: id,
      expiresAt: null,
      ...more,
      isDefault,
      createdAt: this.#options.clock.now(),
      revokedAt: null,
      lastUsedAt: null,
      replacedBy: null,
    };
    return { key, token };
  }

  /** A new key with its predecessor's name, limits, expiry and rate-limit family; not yet stored. */
  successor(
    { accountId, kind, name, models, rpm, route, budget, expiresAt, isDefault, family }: KeyRow,
  ): { key: KeyRow; token: string } {
    return this.fresh(accountId, kind, {
      name,
      models,
      rpm,
      route,
      budget,
      expiresAt,
      isDefault,
      family,
    });
  }

  async #find(accountId: string, keyId: string, action: string): Promise<KeyRow> {
    const rows = await this.#options.store.keys.ofAccount(accountId);
    const row = rows.find(({ id }) => id === keyId);
    if (row === undefined) throw unknownKey(action);
    return row;
  }

  #view(row: KeyRow): KeyView {
    return {
      id: row.id,
      name: row.name,
      kind: tokenKinds[row.kind],
      hint: row.hint ?? this.#sealedHint(row),
      is_default: row.isDefault,
      state: row.replacedBy === null ? "active" : "replaced",
      created_at: row.createdAt,
      last_used_at: row.lastUsedAt,
      expires_at: row.expiresAt,
      models: row.models,
      rpm: row.rpm,
      budget: row.budget,
      route: row.route ?? "any",
    };
  }

  /** The hint of a key that was stored before hints were; empty if the key was sealed under another secret. */
  #sealedHint({ sealed }: KeyRow): string {
    try {
      return hintOf(this.#options.vault.open(sealed));
    } catch {
      return "";
    }
  }
}

function hintOf(token: string): string {
  const start = token.lastIndexOf("-") + 3;
  return `${token.slice(0, start)}…${token.slice(-4)}`;
}

function unknownKey(action: string): ColinkError {
  return new ColinkError(
    "not_found",
    `Cannot ${action} the key: this account has no working key of that id`,
  );
}

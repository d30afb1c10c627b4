/** An account's keys: as many as it likes, each with a name and limits of its own. */

import type {
  CreatedKey,
  KeyChange,
  KeyView,
  NewKey,
  RotatedKey,
  TokenKind,
} from "../../api/mod.ts";
import { ColinkError } from "../base/error.ts";
import type { KeyKind, KeyRow, Store } from "../store/store.ts";
import { newToken, randomChars, type TokenVault } from "./tokens.ts";

export interface KeysOptions {
  store: Pick<Store, "keys">;
  vault: TokenVault;
  /** Told the ids of keys as soon as they are revoked, or changed, here. */
  keyring: { revoked(keyIds: readonly string[]): void; changed(keyId: string): void };
  now?: () => number;
}

const kinds: Readonly<Record<TokenKind, KeyKind>> = { api: "api", client: "node" };
const tokenKinds: Readonly<Record<KeyKind, TokenKind>> = { api: "api", node: "client" };

/** Every method throws `store_unavailable` while the database is away. */
export class Keys {
  readonly #options: KeysOptions;
  readonly #now: () => number;

  constructor(options: KeysOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Those that work, newest first. */
  async list(accountId: string): Promise<KeyView[]> {
    const rows = await this.#options.store.keys.ofAccount(accountId);
    return rows.reverse().map((row) => this.#view(row));
  }

  /** Throws `too_many` where the account has as many as it may. */
  async create(accountId: string, wish: NewKey): Promise<CreatedKey> {
    const { name, kind = "api", models = null, rpm = null, expires_at: expiresAt = null } = wish;
    const { key, token } = this.fresh(accountId, kinds[kind], { name, models, rpm, expiresAt });
    await this.#options.store.keys.add(key);
    return { key: this.#view(key), token };
  }

  /** Throws `not_found`. */
  async change(accountId: string, keyId: string, change: KeyChange): Promise<KeyView> {
    const { expires_at: expiresAt, ...rest } = change;
    const row = await this.#options.store.keys.change(accountId, keyId, { ...rest, expiresAt });
    if (row === null) throw unknownKey("change");
    this.#options.keyring.changed(keyId);
    return this.#view(row);
  }

  /** The key is dead at once here, and within seconds everywhere. Throws `not_found`, or `invalid_request` for a default key. */
  async revoke(accountId: string, keyId: string): Promise<KeyView> {
    const row = await this.#find(accountId, keyId, "revoke");
    if (row.isDefault) {
      throw new ColinkError(
        "invalid_request",
        "Cannot revoke the account's own token: replace it instead, which ends the old one",
      );
    }
    if (!await this.#options.store.keys.revoke(accountId, keyId)) throw unknownKey("revoke");
    this.#options.keyring.revoked([keyId]);
    return this.#view(row);
  }

  /**
   * Puts a new key in the place of this one, which is dead at once or works for `overlapMs` more.
   * Throws `not_found`; so it does for a key that was replaced already.
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

  /** A new key that was not stored yet. */
  fresh(
    accountId: string,
    kind: KeyKind,
    more: Partial<Pick<KeyRow, "name" | "models" | "rpm" | "expiresAt" | "isDefault" | "family">>,
  ): { key: KeyRow; token: string } {
    const { vault } = this.#options;
    const token = newToken(kind);
    const id = `key_${randomChars(22)}`;
    const { isDefault = false } = more;
    const key: KeyRow = {
      id,
      accountId,
      kind,
      digest: vault.digest(token),
      // Tokens that are shown once are kept nowhere.
      sealed: isDefault ? vault.seal(token) : "",
      hint: hintOf(token),
      name: "",
      rpm: null,
      models: null,
      family: id,
      expiresAt: null,
      ...more,
      isDefault,
      createdAt: this.#now(),
      revokedAt: null,
      lastUsedAt: null,
      replacedBy: null,
    };
    return { key, token };
  }

  /** A new key with all that its predecessor was allowed. */
  successor(
    { accountId, kind, name, models, rpm, expiresAt, isDefault, family }: KeyRow,
  ): { key: KeyRow; token: string } {
    return this.fresh(accountId, kind, { name, models, rpm, expiresAt, isDefault, family });
  }

  async #find(accountId: string, keyId: string, deed: string): Promise<KeyRow> {
    const rows = await this.#options.store.keys.ofAccount(accountId);
    const row = rows.find(({ id }) => id === keyId);
    if (row === undefined) throw unknownKey(deed);
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
    };
  }

  /** Of keys from before hints were kept; empty where it was sealed under another secret. */
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

function unknownKey(deed: string): ColinkError {
  return new ColinkError(
    "not_found",
    `Cannot ${deed} the key: this account has none of that id that works`,
  );
}

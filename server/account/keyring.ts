/** Authenticates bearer tokens. Look-ups are cached for seconds; a revoked key leaves the cache at once. */

import type { Budget, Route } from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { Emitter } from "../base/emitter.ts";
import type { Log } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import { isStoreUnavailable } from "../store/backend.ts";
import { ChangePoll } from "../store/change_poll.ts";
import type { KeyEnd, KeyTable } from "../store/keys.ts";
import type { KeyKind } from "../store/store.ts";
import { OwnAliases } from "./names.ts";
import { checkFormat, tokenError } from "./token_error.ts";
import type { TokenVault } from "./tokens.ts";

/** The key of an accepted token. */
export interface Key {
  id: string;
  accountId: string;
  kind: KeyKind;
  /** Calls per minute of all the account's keys together; null: the gateway's default; 0: none. */
  accountRpm: number | null;
  /** Calls per minute of this key, within the account's limit; null: no limit of its own. */
  rpm: number | null;
  /** The name under which a key and its replacements share one rate limit. */
  family: string;
  /** The models that the key may call; null: all. */
  models: readonly string[] | null;
  /** What the key, and all keys of its account together, may use; null: no budget. */
  budget: Budget | null;
  accountBudget: Budget | null;
  /** Which nodes it may use. */
  route: Route;
  /** The aliases of its account; null: it has none. */
  ownAliases: OwnAliases | null;
  /** Whether its account is an administrator's. */
  isAdmin: boolean;
}

/** A key in the cache. */
interface Found {
  key: Key;
  state: "good" | "revoked" | "blocked";
  /** UTC milliseconds; Infinity: no expiry. */
  expiresAt: number;
  /** When the store was last asked. Milliseconds of the monotonic clock. */
  confirmedAt: number;
}

/** A query of the store that is under way. */
interface Lookup {
  /** Null: no key has the digest. */
  answer: Promise<Found | null>;
  /** Keys that were revoked since the query began, which its answer may not know. */
  revokedIds: Set<string>;
}

export interface KeyringOptions {
  store: { keys: Pick<KeyTable, "byDigest" | "endedSince"> };
  vault: Pick<TokenVault, "digest">;
  clock: Clock;
  log: Log;
}

/** A cached key is used this long without asking the store. */
const FRESH_MS = 5000;
/** While the store is away, a cached key is used this long. */
const STALE_MS = 5 * 60_000;
const MAX_KEYS = 20_000;

/** A digest that the store does not know is refused this long without asking again. */
const UNKNOWN_FRESH_MS = 2000;
const MAX_UNKNOWN = 20_000;

export class Keyring {
  /** Emits the ids of keys that were revoked, have expired or whose account was disabled, on any gateway. */
  readonly revocations = new Emitter<[keyIds: ReadonlySet<string>]>();

  /** Emits the id of each account that was deleted, on any gateway. */
  readonly deletions = new Emitter<[accountId: string]>();

  readonly #store: KeyringOptions["store"];
  readonly #vault: KeyringOptions["vault"];
  readonly #clock: Clock;
  readonly #poll: ChangePoll<KeyEnd>;
  readonly #found = new LruCache<string, Found>(MAX_KEYS);
  /** By digest: when the store did not know it. A cache of its own, so that many guesses evict no key. */
  readonly #unknown = new LruCache<string, number>(MAX_UNKNOWN);
  /** By digest. */
  readonly #lookups = new Map<string, Lookup>();
  #revocationCount = 0;
  #isStoreAway = false;

  constructor({ store, vault, clock, log }: KeyringOptions) {
    this.#store = store;
    this.#vault = vault;
    this.#clock = clock;
    this.#poll = new ChangePoll<KeyEnd>({
      read: (since) => this.#observed(store.keys.endedSince(since)),
      deliver: (ends) => {
        this.revoked(ends.map(({ id }) => id));
        const deleted = new Set(ends.flatMap(({ deletedAccountId: id }) => id === null ? [] : id));
        for (const id of deleted) this.accountDeleted(id);
      },
      from: "now",
      failure: "keyring: cannot ask for revoked keys",
      clock,
      log,
    });
  }

  /** Starts to poll for keys that other gateways revoke. Does not fail while the store is away. */
  start(): Promise<void> {
    return this.#poll.start();
  }

  close(): Promise<void> {
    return this.#poll.close();
  }

  /** The key, if the cache holds it fresh; null: call `authenticate`, which also says what is wrong. */
  cached(token: string, kind: KeyKind): Key | null {
    const found = this.#found.get(this.#vault.digest(token));
    const isGood = found?.state === "good" && found.key.kind === kind && this.#isFresh(found);
    return isGood && !this.#isExpired(found) ? found.key : null;
  }

  /** Whether the token was a key's when it was last looked up, however long ago. */
  isKnown(token: string): boolean {
    return this.#found.get(this.#vault.digest(token)) !== undefined;
  }

  /**
   * The key of a token. Throws `missing_api_key`, `invalid_api_key`, `invalid_client_token`,
   * `wrong_token_kind`, `key_revoked`, `key_expired` or `key_blocked`; and `store_unavailable` while
   * the database is away, for a token that is not in the cache.
   */
  async authenticate(token: string, kind: KeyKind): Promise<Key> {
    checkFormat(token, kind);
    const found = await this.#find(this.#vault.digest(token));
    if (found === null) throw tokenError(kind, "unknown");
    if (found.key.kind !== kind) throw tokenError(kind, "wrongKind");
    if (found.state !== "good") throw tokenError(kind, found.state);
    if (this.#isExpired(found)) throw tokenError(kind, "expired");
    return found.key;
  }

  /** Grows with each revocation: as long as it stays the same, so does the result of every earlier check. */
  get revocationCount(): number {
    return this.#revocationCount;
  }

  /** Evicts keys that were revoked, and reports them. */
  revoked(keyIds: readonly string[]): void {
    const ids = new Set(keyIds);
    this.#revocationCount += ids.size;
    this.#evict(ids);
    for (const { revokedIds } of this.#lookups.values()) ids.forEach((id) => revokedIds.add(id));
    this.revocations.emit(ids);
  }

  /** Reports an account that was deleted, after its keys. */
  accountDeleted(accountId: string): void {
    this.deletions.emit(accountId);
  }

  /** Evicts a key that this gateway changed: its next use asks the store. */
  changed(keyId: string): void {
    this.#evict(new Set([keyId]));
  }

  /** Evicts the keys of an account of which this gateway has changed something: their next uses ask the store. */
  accountChanged(accountId: string): void {
    for (const [digest, { key }] of this.#found.entries()) {
      if (key.accountId === accountId) this.#found.delete(digest);
    }
  }

  #evict(keyIds: ReadonlySet<string>): void {
    for (const [digest, { key }] of this.#found.entries()) {
      if (keyIds.has(key.id)) this.#found.delete(digest);
    }
  }

  #isExpired({ expiresAt }: Found): boolean {
    return expiresAt <= this.#clock.now();
  }

  async #find(digest: string): Promise<Found | null> {
    const known = this.#found.get(digest);
    if (known !== undefined && this.#isFresh(known)) return known;
    const unknownAt = this.#unknown.get(digest);
    if (unknownAt !== undefined && this.#clock.monotonic() - unknownAt < UNKNOWN_FRESH_MS) {
      return null;
    }

    const isUsable = known !== undefined && this.#clock.monotonic() - known.confirmedAt < STALE_MS;
    const answer = this.#lookup(digest);
    if (isUsable && this.#isStoreAway) {
      // The look-up goes on in the background: during an outage, cached keys cost no time.
      answer.catch(() => {});
      return known;
    }
    try {
      return await answer;
    } catch (error) {
      // A key that was revoked during the look-up has left the cache.
      const isCached = isUsable && this.#found.get(digest) === known;
      if (isCached && isStoreUnavailable(error)) return known;
      throw error;
    }
  }

  /** Concurrent look-ups of one digest share a query. */
  #lookup(digest: string): Promise<Found | null> {
    const running = this.#lookups.get(digest);
    if (running !== undefined) return running.answer;
    const revokedIds = new Set<string>();
    const answer = this.#query(digest, revokedIds).finally(() => this.#lookups.delete(digest));
    this.#lookups.set(digest, { answer, revokedIds });
    return answer;
  }

  async #query(digest: string, revokedIds: Set<string>): Promise<Found | null> {
    // Not the clock of the day: once set back, it would keep a revoked key fresh for as long.
    const confirmedAt = this.#clock.monotonic();
    const answer = await this.#observed(this.#store.keys.byDigest(digest));
    if (answer === null) {
      this.#found.delete(digest);
      this.#unknown.set(digest, confirmedAt);
      return null;
    }
    const { id, accountId, kind, rpm, family, revokedAt, expiresAt } = answer.key;
    const { account } = answer;
    const state = revokedAt !== null ? "revoked" : account.isDisabled ? "blocked" : "good";
    // The answer may be older than a revocation that was reported meanwhile.
    if (state === "good" && revokedIds.delete(id)) return await this.#query(digest, revokedIds);
    const found: Found = {
      key: Object.freeze({
        id,
        accountId,
        kind,
        accountRpm: account.rpm,
        rpm,
        family,
        models: both(account.models, answer.key.models),
        budget: answer.key.budget,
        accountBudget: account.budget,
        route: answer.key.route ?? "any",
        ownAliases: OwnAliases.of(account.aliases),
        isAdmin: account.isAdmin,
      }),
      state,
      expiresAt: expiresAt ?? Infinity,
      confirmedAt,
    };
    this.#found.set(digest, found);
    return found;
  }

  #isFresh(found: Found): boolean {
    return this.#clock.monotonic() - found.confirmedAt < FRESH_MS;
  }

  /** Records whether the store answers. */
  async #observed<T>(query: Promise<T>): Promise<T> {
    try {
      const answer = await query;
      this.#isStoreAway = false;
      return answer;
    } catch (error) {
      this.#isStoreAway = isStoreUnavailable(error);
      throw error;
    }
  }
}

/** The models in both lists; null stands for all models. */
function both(a: readonly string[] | null, b: readonly string[] | null): readonly string[] | null {
  if (a === null || b === null) return a ?? b;
  return a.filter((model) => b.includes(model));
}

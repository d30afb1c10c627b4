/** Who is asking: bearer tokens looked up, remembered for seconds, and forgotten at once when they are revoked. */

import { type Clock, systemClock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import { type Log, silentLog } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import type { KeyTable } from "../store/keys.ts";
import type { KeyKind } from "../store/store.ts";
import { refusal, refuseByLooks } from "./token_error.ts";
import type { TokenVault } from "./tokens.ts";

/** A token that was accepted. */
export interface Key {
  id: string;
  accountId: string;
  kind: KeyKind;
  /** Calls per minute of all the account's keys together; null: the gateway's default; 0: none. */
  accountRpm: number | null;
  /** Calls per minute of its own, within the account's; null: no limit of its own. */
  rpm: number | null;
  /** Keys that replaced each other share their limit under this name. */
  family: string;
  /** The models that it may call; null: all. */
  models: readonly string[] | null;
}

/** What is known about a token's digest. */
interface Found {
  key: Key;
  state: "good" | "revoked" | "blocked";
  /** UTC milliseconds; Infinity: it does not end by itself. */
  expiresAt: number;
  /** When the store last said so. */
  confirmedAt: number;
}

export interface KeyringOptions {
  store: { keys: Pick<KeyTable, "byDigest" | "endedSince"> };
  vault: Pick<TokenVault, "digest">;
  log?: Log;
  now?: () => number;
  /** Calls back after so many milliseconds; the answer takes that back. */
  after?: Clock["after"];
}

const FRESH_MS = 5000;
const STALE_MS = 5 * 60_000;
const MAX_KEYS = 20_000;

const UNKNOWN_FRESH_MS = 2000;
const MAX_UNKNOWN = 20_000;

const POLL_MS = 2000;
/** Longer than a revocation can take from its stamp to its commit. */
const OVERLAP_MS = 10_000;
const MAX_TOLD = 20_000;

export class Keyring {
  readonly #store: KeyringOptions["store"];
  readonly #vault: KeyringOptions["vault"];
  readonly #log: Log;
  readonly #now: () => number;
  readonly #after: Clock["after"];
  readonly #found = new LruCache<string, Found>(MAX_KEYS);
  /** When a digest was not there. Apart, so that a flood of guesses pushes out no real key. */
  readonly #unknown = new LruCache<string, number>(MAX_UNKNOWN);
  readonly #lookups = new Map<string, Promise<Found | null>>();
  readonly #listeners = new Set<(keyId: string) => void>();
  /** When listeners were told of a key: polls overlap. */
  readonly #told = new LruCache<string, number>(MAX_TOLD);
  #revocations = 0;
  #isStoreAway = false;
  #since: number | null = null;
  #isClosed = false;
  #cancelPoll: () => void = () => {};

  constructor(options: KeyringOptions) {
    this.#store = options.store;
    this.#vault = options.vault;
    this.#log = options.log ?? silentLog;
    this.#now = options.now ?? Date.now;
    this.#after = options.after ?? systemClock.after;
  }

  /** Begins to watch for keys that are revoked elsewhere. Does not fail while the store is away. */
  start(): Promise<void> {
    return this.#poll();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelPoll();
    return Promise.resolve();
  }

  /** The key, if it is fresh in memory; null: ask `authenticate`, which also says what is wrong. */
  cached(token: string, kind: KeyKind): Key | null {
    const found = this.#found.get(this.#vault.digest(token));
    const isGood = found?.state === "good" && found.key.kind === kind && this.#isFresh(found);
    return isGood && !this.#isExpired(found) ? found.key : null;
  }

  /**
   * The key that a token is. Throws `missing_api_key`, `invalid_api_key`, `invalid_client_token`,
   * `wrong_token_kind`, `key_revoked`, `key_expired` or `key_blocked`; and `store_unavailable` for a token that
   * is not known here and cannot be looked up now.
   */
  async authenticate(token: string, kind: KeyKind): Promise<Key> {
    refuseByLooks(token, kind);
    const found = await this.#find(this.#vault.digest(token));
    if (found === null) throw refusal(kind, "unknown");
    if (found.key.kind !== kind) throw refusal(kind, "wrongKind");
    if (found.state !== "good") throw refusal(kind, found.state);
    if (this.#isExpired(found)) throw refusal(kind, "expired");
    return found.key;
  }

  /** Grows with each key that is revoked: while it stays the same, so does every answer given before. */
  get revocations(): number {
    return this.#revocations;
  }

  /** Calls back with the id of each key that was revoked or whose account was shut. Returns how to stop that. */
  onRevoked(listener: (keyId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Forgets keys that were just revoked by this gateway, and tells the listeners. */
  revoked(keyIds: readonly string[]): void {
    if (keyIds.length === 0) return;
    const now = this.#now();
    const gone = new Set(keyIds);
    this.#revocations += gone.size;
    for (const [digest, { key }] of this.#found.entries()) {
      if (gone.has(key.id)) this.#found.delete(digest);
    }
    for (const keyId of gone) {
      this.#told.set(keyId, now);
      for (const listener of this.#listeners) listener(keyId);
    }
  }

  /** Forgets a key that was just changed by this gateway: its next use asks the store. */
  changed(keyId: string): void {
    for (const [digest, { key }] of this.#found.entries()) {
      if (key.id === keyId) this.#found.delete(digest);
    }
  }

  #isExpired({ expiresAt }: Found): boolean {
    return expiresAt <= this.#now();
  }

  async #find(digest: string): Promise<Found | null> {
    const known = this.#found.get(digest);
    if (known !== undefined && this.#isFresh(known)) return known;
    const unknownAt = this.#unknown.get(digest);
    if (unknownAt !== undefined && this.#now() - unknownAt < UNKNOWN_FRESH_MS) return null;

    const canWait = known !== undefined && this.#now() - known.confirmedAt < STALE_MS;
    const lookup = this.#lookup(digest);
    if (canWait && this.#isStoreAway) {
      // Asked in the background only, so that an outage costs known keys no time.
      lookup.catch(() => {});
      return known;
    }
    try {
      return await lookup;
    } catch (error) {
      // Unless it was revoked while the store was waited for.
      if (canWait && isUnavailable(error) && this.#found.get(digest) === known) return known;
      throw error;
    }
  }

  /** One question for all who ask about the same digest at the same time. */
  #lookup(digest: string): Promise<Found | null> {
    let lookup = this.#lookups.get(digest);
    if (lookup === undefined) {
      lookup = this.#ask(digest).finally(() => this.#lookups.delete(digest));
      this.#lookups.set(digest, lookup);
    }
    return lookup;
  }

  async #ask(digest: string): Promise<Found | null> {
    const confirmedAt = this.#now();
    const revocations = this.#revocations;
    const answer = await this.#watched(this.#store.keys.byDigest(digest));
    if (answer === null) {
      this.#found.delete(digest);
      this.#unknown.set(digest, confirmedAt);
      return null;
    }
    const { id, accountId, kind, rpm, family, revokedAt, expiresAt } = answer.key;
    const { account } = answer;
    const state = revokedAt !== null ? "revoked" : account.isDisabled ? "blocked" : "good";
    // Revoked while the question was under way: listeners know already, and this answer may not.
    const isOutdated = this.#revocations !== revocations && this.#wasTold(id);
    if (state === "good" && isOutdated) return await this.#ask(digest);
    // Its account was shut and is open again: when it is shut once more, listeners must hear of it.
    if (state === "good") this.#told.delete(id);
    const found: Found = {
      key: Object.freeze({
        id,
        accountId,
        kind,
        accountRpm: account.rpm,
        rpm,
        family,
        models: both(account.models, answer.key.models),
      }),
      state,
      expiresAt: expiresAt ?? Infinity,
      confirmedAt,
    };
    this.#found.set(digest, found);
    return found;
  }

  async #poll(): Promise<void> {
    try {
      // From nothing, the first question only asks what time it is there.
      const since = this.#since ?? Number.MAX_SAFE_INTEGER;
      const { changes, now } = await this.#watched(this.#store.keys.endedSince(since));
      this.#since = now - OVERLAP_MS;
      this.revoked(changes.map(({ id }) => id).filter((keyId) => !this.#wasTold(keyId)));
    } catch (error) {
      // The next poll begins where this one would have. An outage is for the ledger to report.
      if (!isUnavailable(error)) {
        this.#log.error({ err: error }, "keyring: cannot ask for revoked keys");
      }
    } finally {
      if (!this.#isClosed) this.#cancelPoll = this.#after(POLL_MS, () => void this.#poll());
    }
  }

  #wasTold(keyId: string): boolean {
    const at = this.#told.get(keyId);
    return at !== undefined && this.#now() - at < 2 * OVERLAP_MS;
  }

  #isFresh(found: Found): boolean {
    return this.#now() - found.confirmedAt < FRESH_MS;
  }

  /** Notes whether the store is there. */
  async #watched<T>(question: Promise<T>): Promise<T> {
    try {
      const answer = await question;
      this.#isStoreAway = false;
      return answer;
    } catch (error) {
      this.#isStoreAway = isUnavailable(error);
      throw error;
    }
  }
}

/** What both lists allow; null allows all. */
function both(a: readonly string[] | null, b: readonly string[] | null): readonly string[] | null {
  if (a === null || b === null) return a ?? b;
  return a.filter((model) => b.includes(model));
}

function isUnavailable(error: unknown): boolean {
  return error instanceof ColinkError && error.code === "store_unavailable";
}

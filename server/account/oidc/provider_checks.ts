/** Asks the provider again for every person who signed in with it, so that a removal ends access within five minutes. */

import type { Clock } from "../../base/clock.ts";
import type { Config } from "../../base/config.ts";
import type { Log } from "../../base/log.ts";
import { LruCache } from "../../base/lru.ts";
import { isStoreUnavailable } from "../../store/backend.ts";
import type { IdentityRow, Vouched } from "../../store/identities.ts";
import { PeriodicTask } from "../../store/periodic_task.ts";
import type { Store } from "../../store/store.ts";
import type { AuditLog } from "../audit_log.ts";
import type { SessionBook } from "../session_book.ts";
import type { Entitlements } from "./entitlements.ts";
import { GrantSeal } from "./grant_seal.ts";
import { InvalidProof, ProviderRefused, type SignInProvider } from "./sign_in_provider.ts";
import { causeOf, CHECK_EVERY_MS, issuerKey } from "./provider_sign_in.ts";

export interface ProviderChecksOptions {
  provider: Pick<SignInProvider, "renewed">;
  config: Pick<Config, "oidcIssuer" | "jwtSecret">;
  store: Pick<Store, "identities" | "keys" | "accountById">;
  entitlements: Pick<Entitlements, "apply">;
  sessions: Pick<SessionBook, "ended">;
  keyring: { revoked(keyIds: readonly string[]): void };
  audit: Pick<AuditLog, "write">;
  clock: Clock;
  log: Log;
}

const EVERY_MS = 5_000;
/** A person of whom nothing could be learned is asked for again after this time, and after twice that each further time. */
const RETRY_MS = 30_000;
/** As long as for everybody, so that a removal still ends access in time. */
const MAX_RETRY_MS = CHECK_EVERY_MS;
/** Of whose answers it is remembered that they were not valid. */
const MAX_INVALID = 10_000;
/** After this time, another gateway takes up what a crashed gateway had claimed. Longer than a check can take. */
const LEASE_MS = 60_000;
/** So few that the last of them is asked for well before the lease ends, however slow the provider is. */
const CLAIMED_AT_ONCE = 16;
const ASKED_AT_ONCE = 8;

export class ProviderChecks {
  readonly #options: ProviderChecksOptions;
  readonly #grants: GrantSeal;
  readonly #task: PeriodicTask;
  /**
   * Good checks that the database did not take, by the grant that each replaces: a refresh token that
   * was used up must not be used again.
   */
  readonly #unsaved = new Map<string, { identity: IdentityRow; vouched: Vouched }>();
  /** How many answers in a row were not valid, by account. */
  readonly #invalid = new LruCache<string, number>(MAX_INVALID);
  /** Whether the last check found the provider away; the log has one line for this, not one for each person. */
  #isFailing = false;

  constructor(options: ProviderChecksOptions) {
    this.#options = options;
    this.#grants = new GrantSeal(options.config.jwtSecret);
    const { clock, log } = options;
    const failure = "cannot ask the sign-in provider for its people";
    this.#task = new PeriodicTask({
      everyMs: EVERY_MS,
      run: () => this.run(),
      failure,
      clock,
      log,
    });
  }

  /** Does nothing without a provider. */
  start(): void {
    if (this.#options.config.oidcIssuer !== null) this.#task.start();
  }

  close(): Promise<void> {
    return this.#task.close();
  }

  /** Asks for each person who is due; several gateways share the work. */
  async run(): Promise<void> {
    const { store, config, clock } = this.#options;
    const issuer = issuerKey(config);
    for (const [grant, { identity, vouched }] of this.#unsaved) {
      await store.identities.checked(identity, vouched);
      this.#unsaved.delete(grant);
    }
    while (!this.#task.isClosed) {
      const now = clock.now();
      const due = await store.identities
        .claimDue({ issuer, now, leaseUntil: now + LEASE_MS, limit: CLAIMED_AT_ONCE });
      const queue = [...due];
      const ask = async () => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          await this.#check(next);
        }
      };
      await Promise.all(Array.from({ length: ASKED_AT_ONCE }, ask));
      // While the provider is away, one batch in a while is enough.
      if (due.length === 0 || this.#isFailing) return;
    }
  }

  async #check(identity: IdentityRow): Promise<void> {
    const { store, provider, entitlements, clock } = this.#options;
    try {
      const grant = this.#grants.open(identity);
      if (grant === null) throw new ProviderRefused("there is nothing to ask it with");
      const { claims, grant: next } = await provider.renewed(identity.subject, grant);
      this.#isFailing = false;
      this.#invalid.delete(identity.accountId);
      // Written before the groups: a refresh token that was used must not be lost.
      const checked = { ...identity, sealedGrant: this.#grants.seal(next) };
      const dueAt = clock.now() + CHECK_EVERY_MS;
      const { sealedGrant, accountId } = checked;
      await this.#save(identity, { given: identity.given, sealedGrant, dueAt });
      const given = await entitlements.apply(accountId, identity.given, claims);
      if (JSON.stringify(given) !== JSON.stringify(identity.given)) {
        await store.identities.checked(checked, { given, sealedGrant, dueAt });
      }
    } catch (error) {
      if (isStoreUnavailable(error)) throw error;
      if (error instanceof ProviderRefused) await this.#suspend(identity, error);
      else await this.#later(identity, error);
    }
  }

  async #save(identity: IdentityRow, vouched: Vouched): Promise<void> {
    try {
      await this.#options.store.identities.checked(identity, vouched);
    } catch (error) {
      this.#unsaved.set(identity.sealedGrant, { identity, vouched });
      throw error;
    }
  }

  async #suspend(identity: IdentityRow, error: ProviderRefused): Promise<void> {
    const { store, sessions, keyring, audit, log } = this.#options;
    const { accountId } = identity;
    const ended = await store.identities.suspend(identity);
    if (ended === null) return;
    sessions.ended(ended);
    keyring.revoked((await store.keys.ofAccount(accountId)).map(({ id }) => id));
    log.info(
      { account: accountId, cause: causeOf(error) },
      "the sign-in provider no longer vouches for an account: it is disabled until it signs in again",
    );
    const account = await store.accountById(accountId);
    await audit.write({ accountId: null, email: null, address: null }, {
      action: "user.disabled",
      target: account?.email ?? null,
      detail: { by: "sign-in provider" },
    });
  }

  /** Postpones the check: no person loses access because the provider is away, or because this gateway's client is set up wrongly. */
  async #later(identity: IdentityRow, error: unknown): Promise<void> {
    const { store, clock, log } = this.#options;
    let retryMs = RETRY_MS;
    // An answer that is not valid for one person says nothing of the others, who must not wait for it.
    if (error instanceof InvalidProof) {
      const before = this.#invalid.get(identity.accountId) ?? 0;
      this.#invalid.set(identity.accountId, before + 1);
      retryMs = Math.min(RETRY_MS * 2 ** before, MAX_RETRY_MS);
      if (before === 0) {
        log.info(
          { account: identity.accountId, cause: causeOf(error) },
          "the sign-in provider's answer about an account is not valid: it keeps what it has, and is asked for less and less often, every four minutes at least",
        );
      }
    } else {
      if (!this.#isFailing) {
        log.warn(
          { cause: causeOf(error) },
          "the sign-in provider cannot be asked for its people: they keep what they have",
        );
      }
      this.#isFailing = true;
    }
    const { given, sealedGrant } = identity;
    const dueAt = clock.now() + retryMs;
    await store.identities.checked(identity, { given, sealedGrant, dueAt });
  }
}

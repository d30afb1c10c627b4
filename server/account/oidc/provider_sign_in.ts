/** Signing in with the operator's provider: from the button to a session, and out of both again. */

import { createHash } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import type { Config } from "../../base/config.ts";
import { settingNames } from "../../base/config.ts";
import { ColinkError } from "../../base/error.ts";
import type { Log } from "../../base/log.ts";
import { Seal } from "../../base/seal.ts";
import type { IdentityRow } from "../../store/identities.ts";
import type { AccountRow, Store } from "../../store/store.ts";
import type { Accounts } from "../accounts.ts";
import { checkedEmail, normalizedEmail } from "../email.ts";
import type { NetworkLimits } from "../network_limits.ts";
import type { SessionBook } from "../session_book.ts";
import { ProviderUnreachable } from "./bounded_fetch.ts";
import { type Entitlements, NOTHING_GIVEN } from "./entitlements.ts";
import { GrantSeal } from "./grant_seal.ts";
import {
  type AttemptSecrets,
  InvalidProof,
  LOGOUT_TOKEN_MS,
  ProviderRefused,
  type SignInProvider,
  type Vouch,
} from "./sign_in_provider.ts";

/** An attempt to sign in, kept in a cookie of the browser that began it: no other browser can end it. */
interface Attempt extends AttemptSecrets {
  /** Where the provider sends the browser back to. */
  redirectUri: string;
  /** A path of the console. */
  next: string;
  invite: string | null;
  /** The account of the person who links it with the provider; null: no account was signed in. */
  linkTo: string | null;
  /** UTC milliseconds. */
  expiresAt: number;
}

/** What a sign-in begins with. */
export type AttemptStart = Pick<Attempt, "redirectUri" | "next" | "invite" | "linkTo">;

export interface BegunAttempt {
  url: URL;
  /** Names the attempt's cookie. */
  state: string;
  cookie: string;
}

/** A sign-in that has ended well. */
export interface SignedIn {
  /** The session's JWT. */
  token: string;
  accountId: string;
  email: string;
  next: string;
  /** How the account came to be the person's. */
  how: "known" | "created" | "linked" | "taken over";
}

export interface ProviderSignInOptions {
  provider: SignInProvider;
  config: Pick<
    Config,
    "oidcIssuer" | "oidcAccounts" | "oidcTrustEmail" | "oidcLabel" | "oidcOnly" | "jwtSecret"
  >;
  store: Pick<
    Store,
    "identities" | "accountByEmail" | "accountById" | "setEmail" | "sharedItems" | "sessions"
  >;
  accounts: Pick<Accounts, "addOfProvider" | "replacementKeys" | "inviteNeeded">;
  entitlements: Entitlements;
  sessions: SessionBook;
  networks: Pick<NetworkLimits, "signIn">;
  keyring: { revoked(keyIds: readonly string[]): void; accountChanged(accountId: string): void };
  clock: Clock;
  log: Log;
}

/** From the button to the way back: also the life of the cookie. */
export const ATTEMPT_MS = 10 * 60_000;

/** A person is asked for again after this time: access ends within five minutes of a removal. */
export const CHECK_EVERY_MS = 4 * 60_000;

/** Every method throws `store_unavailable` while the database is away. */
export class ProviderSignIn {
  readonly #options: ProviderSignInOptions;
  readonly #attempts: Seal;
  readonly #grants: GrantSeal;

  constructor(options: ProviderSignInOptions) {
    this.#options = options;
    const { jwtSecret } = options.config;
    this.#attempts = new Seal(jwtSecret, "oidc attempt v1");
    this.#grants = new GrantSeal(jwtSecret);
  }

  /** Whether passwords are not taken. */
  get isOnly(): boolean {
    return this.#options.config.oidcOnly;
  }

  /** Throws `passwords_off` where they are not taken. */
  expectPasswords(): void {
    if (!this.isOnly) return;
    throw new ColinkError(
      "passwords_off",
      `Cannot use a password here (COLINK_OIDC_ONLY): sign in with ${this.label}`,
    );
  }

  /** The provider's name on the sign-in page; null: there is no provider. */
  get label(): string | null {
    const { oidcIssuer, oidcLabel } = this.#options.config;
    return oidcIssuer === null ? null : oidcLabel || new URL(oidcIssuer).host;
  }

  /** Throws `not_found` without a provider, `login_throttled` and `provider_unavailable`. */
  async begin(start: AttemptStart, address: string): Promise<BegunAttempt> {
    this.#expectProvider();
    const { provider, networks, clock } = this.#options;
    // Only here: one attempt can be ended once, and asks the provider then.
    await networks.signIn(address);
    return await this.#answered(async () => {
      const secrets = await provider.newAttempt();
      const attempt: Attempt = { ...secrets, ...start, expiresAt: clock.now() + ATTEMPT_MS };
      return {
        url: await provider.signInUrl(secrets, start.redirectUri),
        state: secrets.state,
        cookie: this.#attempts.seal(JSON.stringify(attempt)),
      };
    });
  }

  /**
   * Ends an attempt. `query`: with what the browser came back; `cookie`: that of the attempt. Throws
   * `not_found`, `sign_in_refused`, `email_not_verified`, `registration_closed`, `invite_required`,
   * `email_taken` or `provider_unavailable`.
   */
  async finish(
    query: string,
    cookie: string | undefined,
    origin: { address: string; userAgent: string | null },
  ): Promise<SignedIn> {
    this.#expectProvider();
    const { provider, store, sessions, keyring } = this.#options;
    const attempt = await this.#claimed(query, cookie);
    const callback = new URL(attempt.redirectUri);
    callback.search = query;
    const vouch = await this.#answered(() => provider.signedIn(callback, attempt));
    const { identity, how } = await this.#identity(vouch, attempt);
    const { accountId } = identity;
    const before = await this.#expectEnabled(identity);
    if (how === "known") await this.#followAddress(before, vouch.claims);
    const given = await this.#options.entitlements.apply(accountId, identity.given, vouch.claims);
    await store.identities.vouch(identity, {
      given,
      sealedGrant: this.#grants.seal(vouch.grant),
      dueAt: this.#options.clock.now() + CHECK_EVERY_MS,
    });
    if (identity.suspendedAt !== null) keyring.accountChanged(accountId);
    const account = await store.accountById(accountId);
    const token = account?.disabledAt === null
      ? await sessions.begin(account, { ...origin, providerSid: vouch.sid })
      : null;
    if (account === null || token === null) throw refused("the account was changed meanwhile");
    return { token, accountId, email: account.email, next: attempt.next, how };
  }

  /** Where the console sends a browser whose session has ended here; null: nowhere. */
  async signOutUrl(accountId: string, backTo: string): Promise<URL | null> {
    const { provider, store, log } = this.#options;
    if (this.label === null) return null;
    const identity = await store.identities.ofAccount(accountId, this.#issuer);
    if (identity === null) return null;
    try {
      return await provider.signOutUrl(this.#grants.open(identity)?.idToken ?? "", backTo);
    } catch (error) {
      // The session here has ended: a provider that is down must not hide that.
      log.info({ cause: causeOf(error) }, "the sign-in provider did not say how to sign out");
      return null;
    }
  }

  /**
   * Ends the sessions that a logout token of the provider names. Resolves with the addresses of their
   * accounts. Throws `not_found`, `sign_in_refused` or `provider_unavailable`.
   */
  async signedOut(logoutToken: string): Promise<string[]> {
    this.#expectProvider();
    const { provider, store, sessions, clock } = this.#options;
    const { subject, sid, id } = await this.#answered(
      () => provider.signedOut(logoutToken),
      "debug",
    );
    const item = { name: `oidc-logout:${digestOf(id)}`, value: crypto.randomUUID() };
    const expiresAt = clock.now() + LOGOUT_TOKEN_MS;
    if (!await store.sharedItems.claim({ ...item, expiresAt }, clock.now())) {
      throw refused("this logout token was used before");
    }
    try {
      const accountIds = subject === null
        ? await store.sessions.accountsOfProvider(sid ?? "")
        : await this.#accountOf(subject);
      const emails: string[] = [];
      for (const accountId of accountIds) {
        const ended = await store.sessions.endOfProvider(accountId, sid);
        sessions.ended(ended);
        const account = ended.length === 0 ? null : await store.accountById(accountId);
        if (account !== null) emails.push(account.email);
      }
      return emails;
    } catch (error) {
      // The provider may send the same token again: it has done nothing yet.
      await store.sharedItems.release(item).catch(() => {});
      throw error;
    }
  }

  /** Whether the account has its address from the provider. */
  async isLinked(accountId: string): Promise<boolean> {
    return this.label !== null &&
      await this.#options.store.identities.ofAccount(accountId, this.#issuer) !== null;
  }

  /** For operators: the person who signs in with the account's address next is linked with it. False: no person was. */
  unlink(accountId: string): Promise<boolean> {
    return this.#options.store.identities.unlink(accountId);
  }

  async #accountOf(subject: string): Promise<string[]> {
    const identity = await this.#options.store.identities.find({ issuer: this.#issuer, subject });
    return identity === null ? [] : [identity.accountId];
  }

  /** The attempt of the cookie, which is used up. Throws `sign_in_refused`. */
  async #claimed(query: string, cookie: string | undefined): Promise<Attempt> {
    const { store, clock } = this.#options;
    const attempt = this.#opened(cookie);
    if (attempt === null) {
      throw refused("this browser has not begun it, or cookies are off");
    }
    const now = clock.now();
    if (attempt.expiresAt <= now) throw refused("it has taken longer than ten minutes");
    if (new URLSearchParams(query).get("state") !== attempt.state) {
      throw refused("it belongs to another attempt");
    }
    const name = `oidc-state:${digestOf(attempt.state)}`;
    const isFirst = await store.sharedItems
      .claim({ name, value: "", expiresAt: attempt.expiresAt }, now);
    if (!isFirst) throw refused("this link was used before");
    return attempt;
  }

  #opened(cookie: string | undefined): Attempt | null {
    if (cookie === undefined) return null;
    try {
      return JSON.parse(this.#attempts.open(cookie)) as Attempt;
    } catch {
      // Made up, or sealed under another secret.
      return null;
    }
  }

  /** The person's identity, made now where there is none. */
  async #identity(
    vouch: Vouch,
    attempt: Attempt,
  ): Promise<{ identity: IdentityRow; how: SignedIn["how"] }> {
    const { store, accounts, sessions, keyring, clock } = this.#options;
    const known = await store.identities.find({ issuer: this.#issuer, subject: vouch.subject });
    if (known !== null) {
      if (attempt.linkTo !== null && attempt.linkTo !== known.accountId) {
        throw refused("this person of the provider has another account here");
      }
      return { identity: known, how: "known" };
    }
    const identityOf = (accountId: string): IdentityRow => ({
      issuer: this.#issuer,
      subject: vouch.subject,
      accountId,
      createdAt: clock.now(),
      given: NOTHING_GIVEN,
      sealedGrant: "",
      dueAt: null,
      suspendedAt: null,
    });
    if (attempt.linkTo !== null) {
      const identity = identityOf(attempt.linkTo);
      const account = await this.#expectEnabled(identity);
      // Otherwise an account could keep another person's address, and with it that person's way in.
      if (account.email !== this.#verifiedEmail(vouch.claims)) {
        throw refused("your address here is not yours at the provider; change it under Settings");
      }
      if (!await store.identities.link(identity)) throw linkedAlready();
      return { identity, how: "linked" };
    }
    const email = this.#verifiedEmail(vouch.claims);
    const account = await store.accountByEmail(email);
    if (account === null) {
      const invite = this.#inviteFor(attempt);
      return { identity: await accounts.addOfProvider(email, identityOf, invite), how: "created" };
    }
    if (account.disabledAt !== null) throw accountDisabled();
    const identity = identityOf(account.id);
    // The account may have been made by another than the address's owner: no key or session of before opens it any more.
    const ended = await store.identities.takeOver(identity, accounts.replacementKeys(account.id));
    if (ended === null) throw linkedAlready();
    keyring.revoked(ended.keyIds);
    sessions.ended(ended.sessionIds);
    return { identity, how: "taken over" };
  }

  /** The address of an account is that of its person at the provider, where no other account has it. */
  async #followAddress(
    { id, email }: AccountRow,
    claims: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { store, log } = this.#options;
    try {
      const verified = checkedEmail(this.#verifiedEmail(claims));
      if (verified !== email) await store.setEmail(id, verified);
    } catch (error) {
      if (!(error instanceof ColinkError) || error.code === "store_unavailable") throw error;
      log.info({ account: id, cause: error.code }, "an account keeps its address");
    }
  }

  /** Throws `email_not_verified`. */
  #verifiedEmail(claims: Readonly<Record<string, unknown>>): string {
    const { email, email_verified: isVerified } = claims;
    const { oidcTrustEmail } = this.#options.config;
    // Some providers write the flag as text.
    const isGood = isVerified === true || isVerified === "true" ||
      (isVerified === undefined && oidcTrustEmail);
    if (typeof email === "string" && email !== "" && isGood) return normalizedEmail(email);
    throw new ColinkError(
      "email_not_verified",
      "Cannot sign in: the provider does not say that your e-mail address is verified; verify it there, or ask who runs this gateway",
    );
  }

  /** The invite that a new account uses up; undefined: it needs none. Throws `registration_closed` and `invite_required`. */
  #inviteFor({ invite }: Attempt): string | undefined {
    const { accounts, config: { oidcAccounts } } = this.#options;
    if (oidcAccounts === "any") return undefined;
    if (oidcAccounts === "registration") return accounts.inviteNeeded(invite);
    throw new ColinkError(
      "registration_closed",
      `Cannot sign in: you have no account here, and none is made (${settingNames.oidcAccounts}); ask who runs this gateway`,
    );
  }

  async #expectEnabled({ accountId, suspendedAt }: IdentityRow): Promise<AccountRow> {
    const account = await this.#options.store.accountById(accountId);
    if (account === null) throw accountDisabled();
    if (account.disabledAt === null || account.disabledAt === suspendedAt) return account;
    throw accountDisabled();
  }

  /** What an identity is stored under: the setting, in one spelling. */
  get #issuer(): string {
    return issuerKey(this.#options.config);
  }

  #expectProvider(): void {
    if (this.label !== null) return;
    throw new ColinkError("not_found", "Cannot sign in so: this gateway has no sign-in provider");
  }

  /**
   * Turns the provider's failures into errors for the caller. `level`: of the line about what is not
   * the provider's, which a stranger can cause.
   */
  async #answered<T>(ask: () => Promise<T>, level: "info" | "debug" = "info"): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      const { log } = this.#options;
      if (error instanceof ProviderUnreachable) {
        log.warn({ cause: causeOf(error) }, "the sign-in provider does not answer as it must");
        throw new ColinkError(
          "provider_unavailable",
          "Cannot sign in: the sign-in provider does not answer; try again in a minute",
          { cause: error },
        );
      }
      if (error instanceof InvalidProof || error instanceof ProviderRefused) {
        log[level]({ cause: causeOf(error) }, "refused what was said to be the sign-in provider's");
        throw refused(
          isAboutTime(error)
            ? "by this gateway's clock the provider's answer is too old or of the future; who runs the gateway should check its clock"
            : "the provider's answer is not valid for it",
        );
      }
      throw error;
    }
  }
}

/** The name under which identities of the configured provider are stored. */
export function issuerKey({ oidcIssuer }: Pick<Config, "oidcIssuer">): string {
  return (oidcIssuer ?? "").replace(/\/+$/, "");
}

/** Whether the token was refused for its times, mostly because a clock is wrong. */
export function isAboutTime(error: unknown): boolean {
  return /"(exp|iat|nbf)".*(timestamp|too far)/.test(causeOf(error));
}

/** For the log: never the answer itself, which may hold a token. */
export function causeOf(error: unknown): string {
  const messages = new Set<string>();
  for (let cause = error; cause instanceof Error; cause = cause.cause) messages.add(cause.message);
  return [...messages].join(": ").slice(0, 300) || "unknown";
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function refused(why: string): ColinkError {
  return new ColinkError("sign_in_refused", `Cannot sign in: ${why}; try again from the start`);
}

function accountDisabled(): ColinkError {
  return new ColinkError(
    "sign_in_refused",
    "Cannot sign in: your account is disabled; ask who runs this gateway",
  );
}

function linkedAlready(): ColinkError {
  return new ColinkError(
    "sign_in_refused",
    "Cannot sign in: the account with your address belongs to another person of the provider; ask who runs this gateway",
  );
}

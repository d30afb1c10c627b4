/** Accounts: registration, sign-in, passwords, and an account as its owner sees it. */

import { createHash } from "node:crypto";
import type { Budget, LoginAnswer, RegistrationMode, UserView } from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { defined } from "../base/defined.ts";
import { ColinkError } from "../base/error.ts";
import { newId } from "../base/new_id.ts";
import type { IdentityRow } from "../store/identities.ts";
import type { AccountRow, KeyKind, KeyRow, NewPasswordHash, Role, Store } from "../store/store.ts";
import { checkedEmail, normalizedEmail } from "./email.ts";
import type { HashOrder } from "./hash_queue.ts";
import { inviteDigest } from "./invites.ts";
import type { Keys } from "./keys.ts";
import { KnownNetworks } from "./known_networks.ts";
import { networkOf } from "./network.ts";
import type { NetworkLimits } from "./network_limits.ts";
import { Passwords } from "./passwords.ts";
import type { SessionBook, Visitor } from "./session_book.ts";
import type { TokenVault } from "./tokens.ts";
import { hundredths } from "./users.ts";

/** Counts failed sign-ins for a while. */
export interface LoginFailures {
  /** Counts one more. Resolves with their number, and with the milliseconds until the count starts over. */
  add(who: string): Promise<{ failures: number; resetMs: number }>;
  clear(who: string): Promise<void>;
}

/** Failed sign-ins of one account from one network before further ones are refused unchecked. */
const MAX_LOGIN_FAILURES = 5;

export interface AccountsOptions {
  store: Store;
  vault: TokenVault;
  keys: Keys;
  sessions: SessionBook;
  failures: LoginFailures;
  networks: Pick<NetworkLimits, "signIn" | "newAccount">;
  /** The registration mode in force now. */
  registration: () => RegistrationMode;
  /** Notified of keys that were revoked by this gateway. */
  keyring: { revoked(keyIds: readonly string[]): void };
  clock: Clock;
  /** Called after a wrong password for an existing account. Must not delay the answer, which would reveal that the account exists. */
  onRefused?: (email: string, address: string) => void;
  passwords?: Passwords;
}

export interface Credentials {
  email: string;
  password: string;
  /** The caller's network address. */
  address: string;
  /** The caller's `User-Agent` header. */
  userAgent?: string | null;
}

/** Every method throws `store_unavailable` while the database is away. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #passwords: Passwords;
  readonly #knownNetworks = new KnownNetworks();

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.#passwords = options.passwords ?? new Passwords();
  }

  /**
   * Creates an account with its two tokens and signs in, without checking the password that it has just
   * hashed. Throws `registration_closed`, `invite_required`, `invalid_request`, `weak_password`,
   * `email_taken`, or `login_throttled` for a network that has tried too often.
   */
  async register(input: Credentials & { invite?: string }): Promise<LoginAnswer> {
    const invite = this.inviteNeeded(input.invite);
    const digest = invite === undefined ? undefined : inviteDigest(invite);
    await this.#options.networks.newAccount(input.address);
    const order = { network: networkOf(input.address), isNewAccount: true };
    const { account, keys } = await this.#fresh(input, "user", order);
    await this.#options.store.addAccount(account, keys, digest);
    const answer = await this.#begin(account, input);
    if (answer === null) throw gone();
    return answer;
  }

  /**
   * The invite that a new account uses up; undefined: it needs none. Throws `registration_closed` and
   * `invite_required`.
   */
  inviteNeeded(invite: string | null | undefined): string | undefined {
    const registration = this.#options.registration();
    if (registration === "closed") {
      throw new ColinkError(
        "registration_closed",
        "Cannot register: this gateway takes no new accounts; ask who runs it",
      );
    }
    if (registration === "invite" && !invite) {
      throw new ColinkError(
        "invite_required",
        "Cannot register: this gateway asks for an invite; ask who runs it for one",
        { param: "invite" },
      );
    }
    return registration === "invite" ? invite ?? "" : undefined;
  }

  /**
   * Creates the account of a person of the sign-in provider, which has no password. Throws
   * `invalid_request`, `email_taken` and `invite_required`.
   */
  async addOfProvider(
    email: string,
    identityOf: (accountId: string) => IdentityRow,
    invite: string | undefined,
  ): Promise<IdentityRow> {
    const account = this.#row(email, "", "user");
    const identity = identityOf(account.id);
    const digest = invite === undefined ? undefined : inviteDigest(invite);
    const keys = this.replacementKeys(account.id);
    await this.#options.store.addAccount(account, keys, digest, identity);
    return identity;
  }

  /** The two keys of a new account, or of one that loses those that it has; not yet stored. */
  replacementKeys(accountId: string): KeyRow[] {
    return (["api", "node"] as const)
      .map((kind) => this.#options.keys.fresh(accountId, kind, { isDefault: true }).key);
  }

  /** Creates an administrator in any registration mode. Throws `invalid_request`, `weak_password`, `email_taken` or `login_throttled`. */
  async createAdmin(email: string, password: string): Promise<{ id: string; email: string }> {
    const { account, keys } = await this.#fresh({ email, password }, "admin");
    await this.#options.store.addAccount(account, keys);
    return { id: account.id, email: account.email };
  }

  /** Like `createAdmin`, but only while the gateway has never had an administrator; null: it has, and nothing was created. */
  async createFirstAdmin(
    email: string,
    password: string,
  ): Promise<{ id: string; email: string } | null> {
    const { account, keys } = await this.#fresh({ email, password }, "admin");
    const isFirst = await this.#options.store.addFirstAdmin(account, keys);
    return isFirst ? { id: account.id, email: account.email } : null;
  }

  /**
   * Signs in. Throws `invalid_credentials`, the same and after the same time whether the e-mail or
   * the password was wrong, or `login_throttled`.
   */
  async login({ email, password, address, userAgent = null }: Credentials): Promise<LoginAnswer> {
    await this.#options.networks.signIn(address);
    const network = networkOf(address);
    const name = normalizedEmail(email);
    // Looked up before the attempt is counted: an unreachable database is no failed sign-in.
    const account = await this.#options.store.accountByEmail(name);
    const order = this.#orderOf(account?.id, network);
    // Checked before the attempt is counted: under a flood, rejected attempts must not take memory.
    this.#passwords.expectRoom(order);
    const clear = await this.#countTry(`${name}\0${network}`);

    const hash = account?.disabledAt === null ? account.passwordHash : null;
    const matches = await this.#passwords.verify(password, hash, order);
    const answer = account !== null && matches
      ? await this.#begin(account, { address, userAgent })
      : null;
    if (answer === null) {
      if (account !== null) this.#options.onRefused?.(account.email, address);
      throw new ColinkError(
        "invalid_credentials",
        "Cannot sign in: e-mail or password is wrong; check both and try again",
      );
    }
    await clear();
    return answer;
  }

  /** Begins a session of an account whose password is known to be right. Null: it was changed since. */
  async #begin(
    account: AccountRow,
    { address, userAgent = null }: Pick<Credentials, "address" | "userAgent">,
  ): Promise<LoginAnswer | null> {
    const token = await this.#options.sessions.begin(account, { address, userAgent });
    if (token === null) return null;
    this.#knownNetworks.add(account.id, networkOf(address));
    return { token, user: await this.#viewOf(account) };
  }

  /** An account that has signed in from the network before does not wait behind the network's others. */
  #orderOf(accountId: string | undefined, network: string): HashOrder {
    const isKnown = accountId !== undefined && this.#knownNetworks.has(accountId, network);
    return { network, ...(isKnown && { knownAccount: accountId }) };
  }

  /** Counts a failure before the password is checked, so that concurrent attempts cannot exceed the limit. Returns how to clear the count after a success. */
  async #countTry(who: string): Promise<() => Promise<void>> {
    const { failures } = this.#options;
    const id = createHash("sha256").update(who).digest("hex");
    const counted = await failures.add(id);
    if (counted.failures > MAX_LOGIN_FAILURES) throw throttled(counted.resetMs);
    return () => failures.clear(id);
  }

  /** The signed-in visitor whom the JWT names. Throws `session_required` or `session_expired`. */
  authenticateSession(jwt: string): Promise<Visitor> {
    return this.#options.sessions.authenticate(jwt);
  }

  /** Sets a new password and ends the account's other sessions. Throws `invalid_credentials`, `weak_password` or `login_throttled`. */
  async changePassword(
    { accountId, sessionId }: Visitor,
    { current, next, address }: { current: string; next: string; address: string },
  ): Promise<void> {
    const param = "current_password";
    const verified = await this.#verified(accountId, { password: current, param, address });
    const isChanged = await this.#setPasswordHash(accountId, {
      hash: await this.#passwords.hash(next, verified.order, "new_password"),
      replacing: verified.passwordHash,
      exceptSession: sessionId,
    });
    if (!isChanged) throw wrongPassword(param);
  }

  /**
   * Throws unless the visitor has shown just now that the account is theirs: by its password, or,
   * without one, by a session that has just begun. Throws `invalid_credentials` or `login_throttled`.
   */
  async confirmOwner(
    { accountId, sessionId }: Visitor,
    { password, address }: { password: string | undefined; address: string },
  ): Promise<void> {
    if (password !== undefined) {
      await this.#verified(accountId, { password, param: "password", address });
    } else if (!await this.#options.sessions.isFresh(sessionId)) {
      throw new ColinkError(
        "invalid_credentials",
        "Cannot do this with the session alone: send the password, or sign in again just before",
        { param: "password" },
      );
    }
  }

  /** Throws `invalid_credentials` for a wrong password, which counts as a failed login, or `login_throttled`. */
  async #verified(
    accountId: string,
    { password, param, address }: { password: string; param: string; address: string },
  ) {
    const network = networkOf(address);
    const order = this.#orderOf(accountId, network);
    this.#passwords.expectRoom(order);
    const { email, passwordHash } = await this.#existing(accountId);
    const clear = await this.#countTry(`${email}\0${network}`);
    if (!await this.#passwords.verify(password, passwordHash, order)) throw wrongPassword(param);
    await clear();
    return { passwordHash, order };
  }

  /**
   * Changes the address with which the owner signs in. The owner has been confirmed. Throws
   * `invalid_request` or `email_taken`; resolves with the address as it is stored.
   */
  async changeEmail(accountId: string, email: string): Promise<string> {
    const checked = checkedEmail(email);
    if (await this.#options.store.setEmail(accountId, checked)) return checked;
    throw gone();
  }

  /** The account as its owner sees it, tokens included. Throws `session_required` for an unknown or disabled account. */
  async view(accountId: string): Promise<UserView> {
    return this.#viewOf(await this.#existing(accountId));
  }

  /** Replaces the account's default token of that kind. The old one stops working here at once, and on other gateways within seconds. */
  async rotate(accountId: string, kind: KeyKind): Promise<UserView> {
    const account = await this.#existing(accountId);
    const { store, keys, keyring } = this.#options;
    const before = await store.keys.ofAccount(accountId);
    const old = before.findLast((key) => key.kind === kind && key.isDefault);
    const { key, token } = old === undefined
      ? keys.fresh(accountId, kind, { isDefault: true })
      : keys.successor(old);
    const revoked = await store.keys.rotate(key);
    keyring.revoked(revoked ?? []);
    return { ...await this.#viewOf(account), [tokenField[kind]]: token };
  }

  /** For operators: sets a password and ends all of the account's sessions. Throws `not_found` for an unknown e-mail, or `weak_password`. */
  async setPassword(email: string, password: string): Promise<void> {
    const { id } = await this.#byEmail(email);
    await this.#setPasswordHash(id, { hash: await this.#passwords.hash(password) });
  }

  /** For operators: the id of the account with that address. Throws `not_found`. */
  async idOf(email: string): Promise<string> {
    return (await this.#byEmail(email)).id;
  }

  /** For operators: changes the limits that the account's keys share; an absent one stays. Throws `not_found`. */
  async setLimits(
    email: string,
    limits: {
      rpm?: number | null;
      models?: string[] | null;
      budget?: Budget | null;
      weight?: number | null;
    },
  ): Promise<void> {
    const { id } = await this.#byEmail(email);
    const weight = defined({ weight: hundredths(limits.weight) });
    await this.#options.store.users.change(id, { ...limits, ...weight });
  }

  /** For operators: disables an account, which ends its sessions, or enables it. Throws `not_found`. */
  async setDisabled(email: string, isDisabled: boolean): Promise<void> {
    const { id } = await this.#byEmail(email);
    const { store, sessions } = this.#options;
    await store.users.change(id, { isDisabled });
    // Enabled again, the account must not have them back.
    if (isDisabled) await sessions.endOthers(id, null);
  }

  /** False: the password to replace is no longer the account's. */
  async #setPasswordHash(accountId: string, change: NewPasswordHash): Promise<boolean> {
    const { store, sessions } = this.#options;
    const ended = await store.setPasswordHash(accountId, change);
    sessions.ended(ended ?? []);
    return ended !== null;
  }

  async #byEmail(email: string): Promise<AccountRow> {
    const account = await this.#options.store.accountByEmail(normalizedEmail(email));
    if (account !== null) return account;
    throw new ColinkError("not_found", `Cannot find an account with the e-mail ${email}`, {
      problem: { code: "unknown_account", names: [email] },
    });
  }

  /** A new account with its two default keys, not yet stored. */
  async #fresh(
    { email, password }: Pick<Credentials, "email" | "password">,
    role: Role,
    order: HashOrder = {},
  ) {
    const checked = checkedEmail(email);
    const account = this.#row(checked, await this.#passwords.hash(password, order), role);
    return { account, keys: this.replacementKeys(account.id) };
  }

  /** A new account. Throws `invalid_request` for what is no e-mail address. */
  #row(email: string, passwordHash: string, role: Role): AccountRow {
    return {
      id: newId("acc_"),
      email: checkedEmail(email),
      passwordHash,
      role,
      createdAt: this.#options.clock.now(),
      disabledAt: null,
      deletedAt: null,
      rpm: null,
      models: null,
      budget: null,
      weight: null,
      totalApiCalls: 0,
      totalProvidedCalls: 0,
    };
  }

  async #existing(accountId: string): Promise<AccountRow> {
    const account = await this.#options.store.accountById(accountId);
    if (account?.disabledAt === null) return account;
    throw gone();
  }

  async #viewOf(account: AccountRow): Promise<UserView> {
    const keys = await this.#options.store.keys.ofAccount(account.id);
    return {
      id: account.id,
      email: account.email,
      role: account.role,
      api_token: this.#shown(keys, "api"),
      client_token: this.#shown(keys, "node"),
      has_password: account.passwordHash !== "",
      total_api_calls: account.totalApiCalls,
      total_provided_calls: account.totalProvidedCalls,
      created_at: account.createdAt,
    };
  }

  /** Empty for a token that was sealed under another secret: such a token no longer works, and rotating replaces it. */
  #shown(keys: readonly KeyRow[], kind: KeyKind): string {
    const key = keys.findLast((one) => one.kind === kind && one.isDefault);
    if (key === undefined) return "";
    try {
      return this.#options.vault.open(key.sealed);
    } catch {
      return "";
    }
  }
}

function gone(): ColinkError {
  return new ColinkError(
    "session_required",
    "Cannot continue: this account was deleted or disabled; ask your administrator",
  );
}

const tokenField = { api: "api_token", node: "client_token" } as const;

function wrongPassword(param: string): ColinkError {
  const message = "Cannot do this: the password is wrong; check it and try again";
  return new ColinkError("invalid_credentials", message, { param });
}

function throttled(resetMs: number): ColinkError {
  const minutes = Math.max(1, Math.ceil(resetMs / 60_000));
  return new ColinkError(
    "login_throttled",
    `Cannot sign in: too many wrong passwords; try again in ${minutes} min`,
    { retryAfterMs: Math.max(resetMs, 1000) },
  );
}

/** Accounts: making them, signing in, and what their owner sees of them. */

import { createHash } from "node:crypto";
import type { LoginAnswer, UserView } from "../../protocol/api.ts";
import { ColinkError } from "../error.ts";
import type { AccountRow, KeyKind, KeyRow, Role, Store } from "../store/store.ts";
import { checkedEmail, normalizedEmail } from "./email.ts";
import { Passwords } from "./passwords.ts";
import { Sessions } from "./sessions.ts";
import { newToken, randomChars, type TokenVault } from "./tokens.ts";

/** Counts failed sign-ins, and forgets them some time after the first. */
export interface LoginFailures {
  /** Counts one more; answers how many there are and when they are forgotten, in milliseconds. */
  add(who: string): Promise<{ failures: number; resetMs: number }>;
  clear(who: string): Promise<void>;
}

/** How many sign-ins of one account from one address may fail before the counter forgets them. */
const MAX_LOGIN_FAILURES = 5;

export interface AccountsOptions {
  store: Store;
  vault: TokenVault;
  sessions: Sessions;
  failures: LoginFailures;
  registration: "open" | "invite" | "closed";
  /** Told the ids of keys as soon as they are revoked here. */
  keyring: { revoked(keyIds: readonly string[]): void };
  passwords?: Passwords;
  now?: () => number;
}

export interface Credentials {
  email: string;
  password: string;
  /** The caller's network address. */
  address: string;
}

/** Every method throws `store_unavailable` while the database is away. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #passwords: Passwords;
  readonly #now: () => number;

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.#passwords = options.passwords ?? new Passwords();
    this.#now = options.now ?? Date.now;
  }

  /**
   * Makes an account with its two tokens. Throws `registration_closed`, `invite_required`,
   * `invalid_request`, `weak_password`, `email_taken` or `login_throttled`.
   */
  async register(input: Credentials & { invite?: string }): Promise<void> {
    const { registration } = this.#options;
    if (registration === "closed") {
      throw new ColinkError(
        "registration_closed",
        "Cannot register: this gateway takes no new accounts; ask who runs it",
      );
    }
    if (registration === "invite" && !input.invite) {
      throw new ColinkError(
        "invite_required",
        "Cannot register: this gateway asks for an invite; ask who runs it for one",
        { param: "invite" },
      );
    }
    const digest = registration === "invite" ? inviteDigest(input.invite ?? "") : undefined;
    await this.#add(input.email, input.password, "user", digest);
  }

  /** Makes an administrator, whatever the registration mode. Throws as `register` does. */
  createAdmin(email: string, password: string): Promise<void> {
    return this.#add(email, password, "admin");
  }

  /** A code that lets one account in, good for `ttlMs`. */
  async createInvite(ttlMs: number): Promise<string> {
    const code = `invite-${randomChars(24)}`;
    const createdAt = this.#now();
    await this.#options.store.addInvite({
      digest: inviteDigest(code),
      createdAt,
      expiresAt: createdAt + ttlMs,
      usedBy: null,
    });
    return code;
  }

  /**
   * Signs in. Throws `invalid_credentials`, the same and after the same time whether the e-mail or
   * the password was wrong, or `login_throttled`.
   */
  async login({ email, password, address }: Credentials): Promise<LoginAnswer> {
    // Before anything is remembered of them: those who are sent away may be very many.
    this.#passwords.expectRoom();
    const name = normalizedEmail(email);
    // Asked first: a database that is away is nobody's failure.
    const account = await this.#options.store.accountByEmail(name);
    const who = createHash("sha256").update(`${name}\0${address}`).digest("hex");
    // Counted before it is known: tries that run at once must not slip through together.
    const { failures, resetMs } = await this.#options.failures.add(who);
    if (failures > MAX_LOGIN_FAILURES) throw throttled(resetMs);

    const hash = account?.disabledAt === null ? account.passwordHash : null;
    const matches = await this.#passwords.verify(password, hash);
    if (account === null || !matches) {
      throw new ColinkError(
        "invalid_credentials",
        "Cannot sign in: e-mail or password is wrong; check both and try again",
      );
    }
    await this.#options.failures.clear(who);
    const token = await this.#options.sessions.issue(account.id, account.passwordHash);
    return { token, user: await this.#viewOf(account) };
  }

  /** Whose session a JWT is. Throws `session_required` or `session_expired`. */
  async authenticateSession(jwt: string): Promise<{ accountId: string; role: Role }> {
    const { sessions } = this.#options;
    const { accountId, passwordStamp } = await sessions.verify(jwt);
    const { role, passwordHash } = await this.#existing(accountId);
    if (sessions.passwordStamp(passwordHash) === passwordStamp) return { accountId, role };
    throw new ColinkError(
      "session_required",
      "Cannot go on: the password was changed; sign in with the new one",
    );
  }

  /** The account as its owner sees it, tokens included. Throws `session_required` if there is none. */
  async view(accountId: string): Promise<UserView> {
    return this.#viewOf(await this.#existing(accountId));
  }

  /** Replaces the account's token of that kind; the old one is dead at once here, and within seconds everywhere. */
  async rotate(accountId: string, kind: KeyKind): Promise<UserView> {
    const account = await this.#existing(accountId);
    const { fresh, token } = this.#freshKey(accountId, kind);
    const before = await this.#options.store.keysOfAccount(accountId);
    const { rpm = null, models = null } = before.findLast((key) => key.kind === kind) ?? {};
    const revoked = await this.#options.store.rotateKey({ ...fresh, rpm, models });
    this.#options.keyring.revoked(revoked);
    return { ...await this.#viewOf(account), [tokenField[kind]]: token };
  }

  /** For operators. Throws `not_found` for an unknown e-mail, or `weak_password`. */
  async setPassword(email: string, password: string): Promise<void> {
    const { id } = await this.#byEmail(email);
    await this.#options.store.setPasswordHash(id, await this.#passwords.hash(password));
  }

  /** For operators: what the account's API key may do. What is absent stays as it is. Throws `not_found`. */
  async setLimits(
    email: string,
    limits: { rpm?: number | null; models?: string[] | null },
  ): Promise<void> {
    const { id } = await this.#byEmail(email);
    for (const key of await this.#options.store.keysOfAccount(id)) {
      if (key.kind === "api") await this.#options.store.setKeyLimits(key.id, limits);
    }
  }

  /** For operators: shuts an account, or opens it again. Throws `not_found`. */
  async setShut(email: string, isShut: boolean): Promise<void> {
    const { id } = await this.#byEmail(email);
    await this.#options.store.setDisabled(id, isShut);
  }

  async #byEmail(email: string): Promise<AccountRow> {
    const account = await this.#options.store.accountByEmail(normalizedEmail(email));
    if (account !== null) return account;
    throw new ColinkError("not_found", `Cannot find an account with the e-mail ${email}`);
  }

  async #add(email: string, password: string, role: Role, digest?: string): Promise<void> {
    const address = checkedEmail(email);
    const account: AccountRow = {
      id: `acc_${randomChars(22)}`,
      email: address,
      passwordHash: await this.#passwords.hash(password),
      role,
      createdAt: this.#now(),
      disabledAt: null,
      totalApiCalls: 0,
      totalProvidedCalls: 0,
    };
    const keys = (["api", "node"] as const).map((kind) => this.#freshKey(account.id, kind).fresh);
    await this.#options.store.addAccount(account, keys, digest);
  }

  async #existing(accountId: string): Promise<AccountRow> {
    const account = await this.#options.store.accountById(accountId);
    if (account?.disabledAt === null) return account;
    throw new ColinkError(
      "session_required",
      "Cannot go on: this account is gone or was shut; ask who runs this gateway",
    );
  }

  async #viewOf(account: AccountRow): Promise<UserView> {
    const keys = await this.#options.store.keysOfAccount(account.id);
    return {
      id: account.id,
      email: account.email,
      role: account.role,
      api_token: this.#shown(keys, "api"),
      client_token: this.#shown(keys, "node"),
      total_api_calls: account.totalApiCalls,
      total_provided_calls: account.totalProvidedCalls,
      created_at: account.createdAt,
    };
  }

  /** Empty where the token was sealed under another secret: it opens nothing any more, and rotating replaces it. */
  #shown(keys: readonly KeyRow[], kind: KeyKind): string {
    const key = keys.findLast((one) => one.kind === kind);
    if (key === undefined) return "";
    try {
      return this.#options.vault.open(key.sealed);
    } catch {
      return "";
    }
  }

  #freshKey(accountId: string, kind: KeyKind): { fresh: KeyRow; token: string } {
    const token = newToken(kind);
    const fresh: KeyRow = {
      id: `key_${randomChars(22)}`,
      accountId,
      kind,
      digest: this.#options.vault.digest(token),
      sealed: this.#options.vault.seal(token),
      rpm: null,
      models: null,
      createdAt: this.#now(),
      revokedAt: null,
    };
    return { fresh, token };
  }
}

const tokenField = { api: "api_token", node: "client_token" } as const;

function inviteDigest(code: string): string {
  return createHash("sha256").update(code.trim()).digest("hex");
}

function throttled(resetMs: number): ColinkError {
  const minutes = Math.max(1, Math.ceil(resetMs / 60_000));
  return new ColinkError(
    "login_throttled",
    `Cannot sign in: too many wrong passwords; try again in ${minutes} min`,
    { retryAfterMs: Math.max(resetMs, 1000) },
  );
}

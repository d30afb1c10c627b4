/** Password resets: links made by administrators, each of which sets one account's password once. */

import { createHash } from "node:crypto";
import type { PasswordResetLink } from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { type Config, settingNames } from "../base/config.ts";
import { ColinkError } from "../base/error.ts";
import type { Store } from "../store/store.ts";
import { networkOf } from "./network.ts";
import type { NetworkLimits } from "./network_limits.ts";
import type { Passwords } from "./passwords.ts";
import type { SessionBook } from "./session_book.ts";
import { randomChars } from "./tokens.ts";

export interface PasswordResetsOptions {
  config: Pick<Config, "oidcOnly">;
  store: Pick<Store, "accountById" | "passwordResets" | "resetPassword">;
  passwords: Passwords;
  networks: Pick<NetworkLimits, "signIn">;
  sessions: Pick<SessionBook, "ended">;
  clock: Clock;
}

/** Every method throws `store_unavailable` while the database is away. */
export class PasswordResets {
  constructor(private readonly options: PasswordResetsOptions) {}

  /**
   * A code with which the account's owner may set a new password within `ttlMs`; an earlier code of
   * the account ends. It is returned only here: the store keeps its digest. Throws
   * `not_found`, or `passwords_off` where no password is accepted.
   */
  async create(accountId: string, ttlMs: number): Promise<PasswordResetLink> {
    const { config, store, clock } = this.options;
    if (config.oidcOnly) {
      throw new ColinkError(
        "passwords_off",
        `Cannot make a link for a new password: passwords are off (${settingNames.oidcOnly}); ` +
          "accounts sign in with the sign-in provider",
      );
    }
    const account = await store.accountById(accountId);
    if (account === null) {
      throw new ColinkError("not_found", "Cannot find the account: there is none of that id");
    }
    const code = `reset-${randomChars(32)}`;
    const expiresAt = clock.now() + ttlMs;
    await store.passwordResets.put({ accountId, digest: digestOf(code), expiresAt });
    return { code, email: account.email, expires_at: expiresAt };
  }

  /**
   * Sets the password of the code's account and ends its sessions. Throws `reset_refused` for a code
   * that is wrong, used or expired, `weak_password`, or `login_throttled` for a network that has
   * tried too often.
   */
  async use(
    { code, password, address }: { code: string; password: string; address: string },
  ): Promise<{ accountId: string; email: string }> {
    const { store, passwords, networks, sessions } = this.options;
    await networks.signIn(address);
    const order = { network: networkOf(address) };
    passwords.expectRoom(order);
    const digest = digestOf(code);
    // Before the password is hashed, which takes time: a wrong code costs one look-up.
    const email = await store.passwordResets.emailOf(digest);
    if (email === null) throw refused();
    const hash = await passwords.hash(password, order, "new_password");
    const done = await store.resetPassword(digest, hash);
    if (done === null) throw refused();
    sessions.ended(done.sessionIds);
    return { accountId: done.accountId, email };
  }
}

function digestOf(code: string): string {
  return createHash("sha256").update(code.trim()).digest("hex");
}

function refused(): ColinkError {
  return new ColinkError(
    "reset_refused",
    "Cannot set a new password: this link is wrong, used or expired; ask an administrator for a new one",
    { param: "code" },
  );
}

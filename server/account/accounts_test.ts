/** Accounts, over a real store in a temporary folder. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import { silentLog } from "../base/log.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { Accounts, type AccountsOptions, type LoginFailures } from "./accounts.ts";
import { Invites } from "./invites.ts";
import { Keyring } from "./keyring.ts";
import { Keys } from "./keys.ts";
import { Passwords } from "./passwords.ts";
import { SessionBook } from "./session_book.ts";
import { Sessions } from "./sessions.ts";
import { TokenVault } from "./tokens.ts";

const SECRET = "a secret of at least thirty-two bytes";
const eve = { email: "eve@example.org", password: "correct horse", address: "192.0.2.1" };

let folder: string;
let store: Store;
let keyring: Keyring;
let accounts: Accounts;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "colink-accounts-"));
  store = await openStore({ databaseUrl: null, dataDir: folder, log: silentLog });
  await store.migrate();
  accounts = someAccounts();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function someAccounts(options: Partial<AccountsOptions> = {}): Accounts {
  const vault = new TokenVault(SECRET);
  const clock = systemClock;
  const log = silentLog;
  keyring = new Keyring({ store, vault, clock, log });
  return new Accounts({
    store,
    vault,
    keys: new Keys({ store, vault: options.vault ?? vault, keyring, clock }),
    sessions: new SessionBook({ store, sessions: new Sessions(SECRET, clock), clock, log }),
    failures: countedFailures(),
    networks: { signIn: async () => {}, newAccount: async () => {} },
    registration: () => "open",
    keyring,
    clock,
    passwords: new Passwords({ cost: 4 }),
    ...options,
  });
}

/** Keeps all places of four hashes at once taken, by ever new networks. */
function besiege(passwords: Passwords): { end(): Promise<void> } {
  let isOver = false;
  const attackers = Array.from({ length: 4 + 64 }, async (_, i) => {
    for (let round = 0; !isOver; round++) {
      const order = { network: `network ${i}-${round}` };
      await passwords.verify("a password", null, order).catch(() => new Promise(setImmediate));
    }
  });
  return {
    end: async () => {
      isOver = true;
      await Promise.all(attackers);
    },
  };
}

test("a registered account can sign in, and both its tokens work", async () => {
  await accounts.register(eve);
  const { token, user } = await accounts.login(eve);
  expect(user).toMatchObject({
    email: "eve@example.org",
    role: "user",
    total_api_calls: 0,
    has_password: true,
    total_provided_calls: 0,
  });
  expect((await keyring.authenticate(user.api_token, "api")).accountId).toBe(user.id);
  expect((await keyring.authenticate(user.client_token, "node")).accountId).toBe(user.id);
  expect(await accounts.authenticateSession(token)).toEqual({
    accountId: user.id,
    email: user.email,
    role: "user",
    isOfProvider: false,
    sessionId: expect.stringMatching(/^ses_/),
  });
  expect(await accounts.view(user.id)).toEqual(user);
});

test("registering signs in, with the one hash that the account needs", async () => {
  let hashes = 0;
  class Counting extends Passwords {
    override verify(...given: Parameters<Passwords["verify"]>): Promise<boolean> {
      hashes++;
      return super.verify(...given);
    }
    override hash(...given: Parameters<Passwords["hash"]>): Promise<string> {
      hashes++;
      return super.hash(...given);
    }
  }
  const counting = someAccounts({ passwords: new Counting({ cost: 4 }) });
  const { token, user } = await counting.register(eve);
  expect(hashes).toBe(1);
  expect(await counting.authenticateSession(token)).toMatchObject({ accountId: user.id });
});

test("an e-mail address names one account in every spelling", async () => {
  await accounts.register({ ...eve, email: "  Eve@Example.ORG " });
  await expect(accounts.register(eve)).rejects.toMatchObject({ code: "email_taken" });
  expect((await accounts.login({ ...eve, email: "EVE@example.org " })).user.email).toBe(eve.email);
});

test("an invalid e-mail address is refused, and so is a weak password", async () => {
  const bad = [
    "",
    "eve",
    "@example.org",
    "eve@",
    "a b@c.d",
    "a@b@c.d",
    "a\0@b.c",
    "\ud800@b.c",
    "eve@.org",
    "a@b..c",
  ];
  for (const email of [...bad, `${"x".repeat(60)}@${"y".repeat(200)}.org`]) {
    await expect(accounts.register({ ...eve, email }))
      .rejects.toMatchObject({ code: "invalid_request", param: "email" });
  }
  await expect(accounts.register({ ...eve, password: "short" }))
    .rejects.toMatchObject({ code: "weak_password" });
});

test("a stolen database reveals no usable credential", async () => {
  await accounts.register(eve);
  const { user } = await accounts.login(eve);
  await store.close();
  const stolen = readdirSync(folder).map((name) => readFileSync(join(folder, name), "latin1"))
    .join();
  expect(stolen).toContain(eve.email);
  for (const secret of [user.api_token, user.client_token, eve.password]) {
    expect(stolen).not.toContain(secret);
  }
});

describe("a failed sign-in", () => {
  test("is the same for an unknown e-mail as for a wrong password", async () => {
    await accounts.register(eve);
    const wrong = await accounts.login({ ...eve, password: "wrong horse" }).catch((e) => e);
    const unknown = await accounts.login({ ...eve, email: "bob@example.org" }).catch((e) => e);
    expect(wrong.code).toBe("invalid_credentials");
    expect(unknown).toMatchObject({ code: wrong.code, message: wrong.message });
  });

  test("asks bcrypt once, whether the e-mail is known or not", async () => {
    await accounts.register(eve);
    const asked: boolean[] = [];
    class Counting extends Passwords {
      override verify(password: string, stored: string | null): Promise<boolean> {
        asked.push(stored !== null);
        return super.verify(password, stored);
      }
    }
    const counting = someAccounts({ passwords: new Counting({ cost: 4 }) });
    await counting.login({ ...eve, password: "wrong horse" }).catch(() => {});
    await counting.login({ ...eve, email: "bob@example.org" }).catch(() => {});
    expect(asked).toEqual([true, false]);
  });

  test("five times from one address is throttled there, and neither elsewhere nor for others", async () => {
    await accounts.register(eve);
    await accounts.register({ ...eve, email: "bob@example.org" });
    for (let i = 0; i < 5; i++) {
      await expect(accounts.login({ ...eve, password: "wrong horse" }))
        .rejects.toMatchObject({ code: "invalid_credentials" });
    }
    await expect(accounts.login(eve)).rejects.toMatchObject({
      code: "login_throttled",
      retryAfterMs: expect.any(Number),
    });
    await accounts.login({ ...eve, address: "192.0.2.2" });
    await accounts.login({ ...eve, email: "bob@example.org" });
  });

  test("from many addresses of one IPv6 network counts as from one", async () => {
    await accounts.register(eve);
    for (const host of [":1", ":2", "a:b:c:d", "0:0:0:5", "ffff::"]) {
      const address = `2001:db8:0:7:${host}`;
      await accounts.login({ ...eve, address, password: "wrong horse" }).catch(() => {});
    }
    await expect(accounts.login({ ...eve, address: "2001:db8:0:7::9" }))
      .rejects.toMatchObject({ code: "login_throttled" });
    await accounts.login({ ...eve, address: "2001:db8:0:8::9" });
    await accounts.login({ ...eve, address: "::1" });
  });

  test("many times at once lets no more than five be tried", async () => {
    await accounts.register(eve);
    const tries = await Promise.allSettled(
      Array.from({ length: 30 }, () => accounts.login({ ...eve, password: "wrong horse" })),
    );
    const codes = tries.map((one) => one.status === "rejected" && one.reason.code);
    expect(codes.filter((code) => code === "invalid_credentials")).toHaveLength(5);
    expect(codes.filter((code) => code === "login_throttled")).toHaveLength(25);
  });

  test("is not counted while too many passwords are being checked", async () => {
    const passwords = new Passwords({ cost: 4, atOnce: 4 });
    const counted: string[] = [];
    const failures: LoginFailures = {
      add: (who) => Promise.resolve({ failures: counted.push(who), resetMs: 900_000 }),
      clear: () => Promise.resolve(),
    };
    const besieged = someAccounts({ passwords, failures });
    const siege = besiege(passwords);
    await expect(besieged.login(eve)).rejects.toMatchObject({ code: "login_throttled" });
    expect(counted).toEqual([]);
    await siege.end();
    await expect(besieged.login(eve)).rejects.toMatchObject({ code: "invalid_credentials" });
    expect(counted).toHaveLength(1);
  });

  test("from a network that the account has signed in from before is checked however many others wait", async () => {
    const passwords = new Passwords({ cost: 4, atOnce: 4 });
    const besieged = someAccounts({ passwords });
    await besieged.register(eve);
    const mallory = { ...eve, email: "mallory@example.org" };
    await besieged.createAdmin(mallory.email, mallory.password);
    const siege = besiege(passwords);
    const neighbour = besieged.login(mallory);
    const elsewhere = besieged.login({ ...eve, address: "203.0.113.1" });
    const answers = await Promise.allSettled([besieged.login(eve), neighbour, elsewhere]);
    expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    await siege.end();
  });

  test("is forgotten after a success", async () => {
    await accounts.register(eve);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) {
        await accounts.login({ ...eve, password: "wrong horse" }).catch(() => {});
      }
      await accounts.login(eve);
    }
  });
});

describe("a network that has tried too often", () => {
  const throttled = new ColinkError("login_throttled", "too often");
  const networks = {
    signIn: () => Promise.reject(throttled),
    newAccount: () => Promise.reject(throttled),
  };

  test("is refused before a password is checked, an attempt counted or an account made", async () => {
    const counted: string[] = [];
    const failures: LoginFailures = {
      add: (who) => Promise.resolve({ failures: counted.push(who), resetMs: 1 }),
      clear: () => Promise.resolve(),
    };
    const strict = someAccounts({ networks, failures });
    await expect(strict.register(eve)).rejects.toBe(throttled);
    expect(await store.accountByEmail(eve.email)).toBe(null);
    await accounts.register(eve);
    await expect(strict.login(eve)).rejects.toBe(throttled);
    expect(counted).toEqual([]);
    await strict.createAdmin("root@example.org", "correct horse");
  });
});

test("new accounts wait for their hash behind sign-ins, and by network", async () => {
  const orders: object[] = [];
  class Recorded extends Passwords {
    override hash(...[password, order, param]: Parameters<Passwords["hash"]>): Promise<string> {
      orders.push(order ?? {});
      return super.hash(password, order, param);
    }
  }
  await someAccounts({ passwords: new Recorded({ cost: 4 }) }).register(eve);
  expect(orders).toEqual([{ network: "192.0.2.1", isNewAccount: true }]);
});

describe("registration", () => {
  test("closed admits only administrators that the operator creates", async () => {
    const closed = someAccounts({ registration: () => "closed" });
    await expect(closed.register(eve)).rejects.toMatchObject({ code: "registration_closed" });
    await closed.createAdmin("root@example.org", "correct horse");
    const { user } = await closed.login({ ...eve, email: "root@example.org" });
    expect(user.role).toBe("admin");
  });

  const newInvite = (ttlMs: number) =>
    new Invites({ store, clock: systemClock }).create({ ttlMs, createdBy: null });

  test("closed refuses a valid invite, and open ignores it: neither uses it up", async () => {
    const { code: invite } = await newInvite(60_000);
    const closed = someAccounts({ registration: () => "closed" });
    await expect(closed.register({ ...eve, invite }))
      .rejects.toMatchObject({ code: "registration_closed" });
    await accounts.register({ ...eve, invite });
    await accounts.register({ ...eve, email: "bob@example.org", invite: "no such invite" });
    const invited = someAccounts({ registration: () => "invite" });
    await invited.register({ ...eve, email: "carol@example.org", invite });
  });

  test("by invite takes a code once, until it expires", async () => {
    const invited = someAccounts({ registration: () => "invite" });
    const required = { code: "invite_required", param: "invite" };
    await expect(invited.register(eve)).rejects.toMatchObject(required);
    await expect(invited.register({ ...eve, invite: "guess" })).rejects.toMatchObject(required);
    const { code: expired } = await newInvite(-1000);
    await expect(invited.register({ ...eve, invite: expired })).rejects.toMatchObject(required);
    const { code: invite } = await newInvite(60_000);
    await invited.register({ ...eve, invite });
    await expect(invited.register({ ...eve, email: "bob@example.org", invite }))
      .rejects.toMatchObject(required);
  });
});

describe("rotation", () => {
  for (
    const [kind, field, other] of [
      ["api", "api_token", "client_token"],
      ["node", "client_token", "api_token"],
    ] as const
  ) {
    test(`of the ${kind} token ends the old one at once, keeps its limits, and leaves the other`, async () => {
      await accounts.register(eve);
      const { user } = await accounts.login(eve);
      const old = await keyring.authenticate(user[field], kind);
      await store.keys.change(user.id, old.id, { rpm: 3, models: ["llama-3"] });
      const reported: string[] = [];
      keyring.revocations.subscribe((keyIds) => reported.push(...keyIds));

      const rotated = await accounts.rotate(user.id, kind);
      expect(reported).toEqual([old.id]);
      expect(rotated[field]).not.toBe(user[field]);
      expect(rotated[other]).toBe(user[other]);
      await expect(keyring.authenticate(user[field], kind))
        .rejects.toMatchObject({ code: "key_revoked" });
      expect(await keyring.authenticate(rotated[field], kind))
        .toMatchObject({ rpm: 3, models: ["llama-3"] });
    });
  }
});

test("a disabled account can neither sign in nor use its session", async () => {
  await accounts.register(eve);
  const { token, user } = await accounts.login(eve);
  await store.users.change(user.id, { isDisabled: true });
  await expect(accounts.login(eve)).rejects.toMatchObject({ code: "invalid_credentials" });
  await expect(accounts.authenticateSession(token))
    .rejects.toMatchObject({ code: "session_required" });
  await expect(accounts.view(user.id)).rejects.toMatchObject({ code: "session_required" });
});

test("a changed password ends every session that was signed in with the old one", async () => {
  await accounts.register(eve);
  const { token } = await accounts.login(eve);
  const password = "another good password";
  await accounts.setPassword(eve.email, password);
  await expect(accounts.authenticateSession(token))
    .rejects.toMatchObject({ code: "session_required" });
  const again = await accounts.login({ ...eve, password });
  expect(await accounts.authenticateSession(again.token)).toMatchObject({ role: "user" });
});

describe("a password that is changed while it is checked", () => {
  const password = "another good password";
  /** Checks as usual; another password takes its place before the answer is there. */
  const overtaken = () =>
    someAccounts({
      passwords: new class extends Passwords {
        override async verify(...args: Parameters<Passwords["verify"]>) {
          const matches = await super.verify(...args);
          await accounts.setPassword(eve.email, password);
          return matches;
        }
      }({ cost: 4 }),
    });

  test("no longer signs in", async () => {
    await accounts.register(eve);
    await expect(overtaken().login(eve)).rejects.toMatchObject({ code: "invalid_credentials" });
    const account = await store.accountByEmail(eve.email);
    expect(await store.sessions.ofAccount(account?.id ?? "")).toEqual([]);
  });

  test("cannot be replaced by a caller who knows only the old one", async () => {
    await accounts.register(eve);
    const { token } = await accounts.login(eve);
    const visitor = await accounts.authenticateSession(token);
    const change = { current: eve.password, next: "the thief's own", address: eve.address };
    await expect(overtaken().changePassword(visitor, change))
      .rejects.toMatchObject({ code: "invalid_credentials" });
    expect((await accounts.login({ ...eve, password })).user.email).toBe(eve.email);
  });
});

test("tokens that were sealed under another secret are shown as empty, and rotating replaces them", async () => {
  await accounts.register(eve);
  const { user } = await accounts.login(eve);
  const moved = someAccounts({ vault: new TokenVault("another secret of thirty-two bytes") });
  expect(await moved.view(user.id)).toMatchObject({ api_token: "", client_token: "" });
  expect((await moved.rotate(user.id, "api")).api_token).toStartWith("sk-colink-");
});

function countedFailures(): LoginFailures {
  const counts = new Map<string, number>();
  return {
    add(who) {
      counts.set(who, (counts.get(who) ?? 0) + 1);
      return Promise.resolve({ failures: counts.get(who) ?? 0, resetMs: 900_000 });
    },
    clear: (who) => Promise.resolve(void counts.delete(who)),
  };
}

/** The keyring: what it caches, for how long, and how it learns of revocations. */

import { beforeEach, describe, expect, test } from "bun:test";
import { ColinkError } from "../base/error.ts";
import { silentLog } from "../base/log.ts";
import { storeUnavailable } from "../store/backend.ts";
import type { KeyTable } from "../store/keys.ts";
import type { KeyKind, KeyRow } from "../store/store.ts";
import { Keyring } from "./keyring.ts";
import { newToken, TokenVault } from "./tokens.ts";

const vault = new TokenVault("a secret of at least thirty-two bytes");

let nowMs: number;
let setBackMs: number;
let store: FakeStore;
let keyring: Keyring;
let polls: (() => void)[];

beforeEach(() => {
  nowMs = 1_700_000_000_000;
  setBackMs = 0;
  store = new FakeStore();
  polls = [];
  keyring = new Keyring({
    store,
    vault,
    clock: {
      now: () => nowMs - setBackMs,
      monotonic: () => nowMs,
      after(_, callback) {
        polls.push(callback);
        return () => {};
      },
    },
    log: silentLog,
  });
});

describe("a token that is not accepted says why", () => {
  const rows: [what: string, token: () => string, kind: KeyKind, code: string, words: RegExp][] = [
    ["no API key", () => "", "api", "missing_api_key", /Authorization/],
    ["no Client-Token", () => "", "node", "invalid_client_token", /client_token/],
    [
      "another provider's key",
      () => "sk-proj-abcdefgh",
      "api",
      "invalid_api_key",
      /this looks like another provider's key; Co-Link keys begin with sk-colink-/,
    ],
    ["a word", () => "hello", "api", "invalid_api_key", /sk-colink-/],
    ["a JWT", () => "eyJhbGciOiJub25lIn0.e30.", "api", "invalid_api_key", /console session/],
    [
      "a mistyped API key",
      () => newToken("api").slice(0, -1),
      "api",
      "invalid_api_key",
      /mistyped/,
    ],
    ["an unknown API key", () => newToken("api"), "api", "invalid_api_key", /not known/],
    [
      "an unknown Client-Token",
      () => newToken("node"),
      "node",
      "invalid_client_token",
      /not known/,
    ],
    [
      "a Client-Token used as an API key",
      () => store.add("node"),
      "api",
      "wrong_token_kind",
      /connects nodes/,
    ],
    [
      "an API key used as a Client-Token",
      () => store.add("api"),
      "node",
      "wrong_token_kind",
      /calls models/,
    ],
    ["a revoked API key", () => store.add("api", { revokedAt: 1 }), "api", "key_revoked", /newer/],
    [
      "a revoked Client-Token",
      () => store.add("node", { revokedAt: 1 }),
      "node",
      "key_revoked",
      /newer/,
    ],
  ];
  for (const [what, token, kind, code, words] of rows) {
    test(what, async () => {
      const text = token();
      const error = await keyring.authenticate(text, kind).catch((thrown) => thrown);
      expect(error.code).toBe(code);
      expect(error.message).toMatch(words);
      if (text.length > 10) expect(error.message).not.toContain(text);
    });
  }

  test("a key of a disabled account", async () => {
    const token = store.add("api");
    store.isAccountDisabled = true;
    await expect(keyring.authenticate(token, "api")).rejects.toMatchObject({ code: "key_blocked" });
  });
});

test("a key may call what both it and its account may", async () => {
  store.accountModels = ["a", "b"];
  const models = async (own: string[] | null) =>
    (await keyring.authenticate(store.add("api", { models: own }), "api")).models;
  expect(await models(null)).toEqual(["a", "b"]);
  expect(await models(["b", "c"])).toEqual(["b"]);
});

test("a key is refused from its expiry on, although it is fresh in the cache", async () => {
  const token = store.add("api", { expiresAt: nowMs + 1000 });
  await keyring.authenticate(token, "api");
  nowMs += 999;
  expect(keyring.cached(token, "api")).not.toBeNull();
  nowMs += 1;
  expect(keyring.cached(token, "api")).toBeNull();
  await expect(keyring.authenticate(token, "api")).rejects.toMatchObject({ code: "key_expired" });
});

test("a key that was changed here is looked up again", async () => {
  const token = store.add("api");
  const { id } = await keyring.authenticate(token, "api");
  keyring.changed(id);
  expect(keyring.cached(token, "api")).toBeNull();
});

test("a token is looked up by nothing but its digest", async () => {
  const token = store.add("api", { rpm: 5, models: ["llama-3"] });
  const key = await keyring.authenticate(token, "api");
  expect(key).toEqual({
    id: store.lastId,
    accountId: "account",
    kind: "api",
    accountRpm: null,
    rpm: 5,
    budget: null,
    accountBudget: null,
    family: store.lastId,
    models: ["llama-3"],
    route: "any",
    ownAliases: null,
    isAdmin: false,
  });
  expect(store.asked).toEqual([vault.digest(token)]);
});

test("a digest presented as a token is not accepted", async () => {
  const token = store.add("api");
  await expect(keyring.authenticate(vault.digest(token), "api"))
    .rejects.toMatchObject({ code: "invalid_api_key" });
});

test("a key is looked up once in five seconds, and cached in between", async () => {
  const token = store.add("api");
  expect(keyring.cached(token, "api")).toBeNull();
  const key = await keyring.authenticate(token, "api");
  nowMs += 4999;
  expect(keyring.cached(token, "api")).toEqual(key);
  expect(keyring.cached(token, "node")).toBeNull();
  await keyring.authenticate(token, "api");
  expect(store.asked).toHaveLength(1);
  nowMs += 1;
  expect(keyring.cached(token, "api")).toBeNull();
  await keyring.authenticate(token, "api");
  expect(store.asked).toHaveLength(2);
});

test("a clock that is set back by a day keeps no answer of the store any longer", async () => {
  const [known, unknown] = [store.add("api"), newToken("api")];
  await keyring.authenticate(known, "api");
  await expect(keyring.authenticate(unknown, "api")).rejects.toThrow();
  setBackMs = 24 * 3_600_000;
  nowMs += 5000;
  expect(keyring.cached(known, "api")).toBeNull();
  await keyring.authenticate(known, "api");
  await expect(keyring.authenticate(unknown, "api")).rejects.toThrow();
  expect(store.asked).toHaveLength(4);
});

test("fifty concurrent requests with one token share a look-up", async () => {
  const token = store.add("api");
  await Promise.all(Array.from({ length: 50 }, () => keyring.authenticate(token, "api")));
  expect(store.asked).toHaveLength(1);
});

test("an unknown token is looked up once in two seconds", async () => {
  const token = newToken("api");
  const refused = { code: "invalid_api_key" };
  await expect(keyring.authenticate(token, "api")).rejects.toMatchObject(refused);
  nowMs += 1999;
  await expect(keyring.authenticate(token, "api")).rejects.toMatchObject(refused);
  expect(store.asked).toHaveLength(1);
  nowMs += 1;
  await expect(keyring.authenticate(token, "api")).rejects.toMatchObject(refused);
  expect(store.asked).toHaveLength(2);
});

test("a flood of unknown tokens evicts no known key", async () => {
  const token = store.add("api");
  await keyring.authenticate(token, "api");
  for (let i = 0; i < 25_000; i++) {
    await keyring.authenticate(newToken("api"), "api").catch(() => {});
  }
  expect(keyring.cached(token, "api")).not.toBeNull();
}, 20_000);

describe("while the store is away", () => {
  test("known keys are served for five minutes, and then no more", async () => {
    const token = store.add("api");
    await keyring.authenticate(token, "api");
    store.isAway = true;
    nowMs += 5 * 60_000 - 1;
    expect(await keyring.authenticate(token, "api")).toMatchObject({ accountId: "account" });
    nowMs += 1;
    await expect(keyring.authenticate(token, "api"))
      .rejects.toMatchObject({ code: "store_unavailable", kind: { status: 503 } });
  });

  test("unknown tokens are 503, never 401, and judged again when it is back", async () => {
    const token = store.add("api");
    const absent = newToken("api");
    store.isAway = true;
    for (const unknown of [token, absent]) {
      await expect(keyring.authenticate(unknown, "api"))
        .rejects.toMatchObject({ code: "store_unavailable" });
    }
    store.isAway = false;
    expect(await keyring.authenticate(token, "api")).toMatchObject({ accountId: "account" });
    await expect(keyring.authenticate(absent, "api"))
      .rejects.toMatchObject({ code: "invalid_api_key" });
  });

  test("a known key waits for no answer once the outage is noticed", async () => {
    const token = store.add("api");
    await keyring.authenticate(token, "api");
    store.isAway = true;
    await keyring.start();
    nowMs += 10_000;
    store.isHanging = true;
    expect(await keyring.authenticate(token, "api")).toMatchObject({ accountId: "account" });
  });

  test("an outage that is over no longer lets a cached key pass unexamined", async () => {
    const token = store.add("api");
    await keyring.authenticate(token, "api");
    store.isAway = true;
    await keyring.start();
    store.isAway = false;
    await poll();
    nowMs += 10_000;
    store.isAccountDisabled = true;
    await expect(keyring.authenticate(token, "api")).rejects.toBeInstanceOf(ColinkError);
  });

  test("a key that is revoked during the look-up is not served from the cache", async () => {
    const token = store.add("api");
    const { id } = await keyring.authenticate(token, "api");
    nowMs += 10_000;
    const release = store.hold();
    const answer = keyring.authenticate(token, "api");
    store.isAway = true;
    keyring.revoked([id]);
    release();
    await expect(answer).rejects.toMatchObject({ code: "store_unavailable" });
  });

  test("a key that is cached as revoked stays revoked", async () => {
    const token = store.add("api", { revokedAt: 1 });
    await keyring.authenticate(token, "api").catch(() => {});
    store.isAway = true;
    nowMs += 60_000;
    await expect(keyring.authenticate(token, "api")).rejects.toMatchObject({ code: "key_revoked" });
  });
});

describe("revocation", () => {
  test("on this gateway reaches the cache and the listeners at once", async () => {
    const token = store.add("api");
    const { id } = await keyring.authenticate(token, "api");
    const reported: string[] = [];
    const stop = keyring.revocations.subscribe((keyIds) => reported.push(...keyIds));
    store.revoke(token);
    keyring.revoked([id]);
    expect(reported).toEqual([id]);
    expect(keyring.cached(token, "api")).toBeNull();
    await expect(keyring.authenticate(token, "api")).rejects.toMatchObject({ code: "key_revoked" });
    stop();
    keyring.revoked(["another"]);
    expect(reported).toEqual([id]);
  });

  test("with its account on another gateway is reported with that account, once", async () => {
    const deleted: string[] = [];
    keyring.deletions.subscribe((id) => void deleted.push(id));
    await keyring.start();
    store.add("api", { revokedAt: nowMs });
    store.add("node", { revokedAt: nowMs });
    store.deletedAccountId = "account";
    await poll();
    await poll();
    expect(deleted).toEqual(["account"]);
  });

  test("on another gateway is reported by the next poll, once, although polls overlap", async () => {
    const token = store.add("api");
    const { id } = await keyring.authenticate(token, "api");
    const reported: string[] = [];
    keyring.revocations.subscribe((keyIds) => reported.push(...keyIds));
    await keyring.start();
    store.revoke(token);
    await poll();
    expect(reported).toEqual([id]);
    expect(keyring.cached(token, "api")).toBeNull();
    nowMs += 2000;
    await poll();
    expect(reported).toEqual([id]);
  });

  test("with a stamp from before the last poll is not missed", async () => {
    const token = store.add("api");
    const { id } = await keyring.authenticate(token, "api");
    const reported: string[] = [];
    keyring.revocations.subscribe((keyIds) => reported.push(...keyIds));
    await keyring.start();
    const stamp = nowMs;
    nowMs += 2000;
    await poll();
    store.revoke(token, stamp); // Committed only now.
    await poll();
    expect(reported).toEqual([id]);
  });

  test("during an outage is reported when the store is back", async () => {
    const token = store.add("api");
    const { id } = await keyring.authenticate(token, "api");
    const reported: string[] = [];
    keyring.revocations.subscribe((keyIds) => reported.push(...keyIds));
    await keyring.start();
    store.isAway = true;
    store.revoke(token);
    for (let i = 0; i < 100; i++) {
      nowMs += 2000;
      await poll();
    }
    expect(reported).toEqual([]);
    store.isAway = false;
    await poll();
    expect(reported).toEqual([id]);
  });

  test("is not undone by an answer that was on its way", async () => {
    const token = store.add("api");
    const release = store.hold();
    const late = keyring.authenticate(token, "api");
    store.revoke(token);
    keyring.revoked([store.lastId]);
    release();
    await expect(late).rejects.toMatchObject({ code: "key_revoked" });
    expect(keyring.cached(token, "api")).toBeNull();
  });

  test("of an account that is disabled, enabled and disabled again is reported twice", async () => {
    const token = store.add("api");
    const { id } = await keyring.authenticate(token, "api");
    const reported: string[] = [];
    keyring.revocations.subscribe((keyIds) => reported.push(...keyIds));
    await keyring.start();
    store.revoke(token);
    await poll();
    store.restore(token);
    nowMs += 2000;
    expect(await keyring.authenticate(token, "api")).toMatchObject({ id });
    store.revoke(token);
    await poll();
    expect(reported).toEqual([id, id]);
  });

  test("is no longer polled for once the keyring is closed", async () => {
    await keyring.start();
    await keyring.close();
    await poll();
    expect(polls).toEqual([]);
  });
});

/** Runs the poll that is due, to its end. */
async function poll(): Promise<void> {
  const before = store.polled;
  polls.shift()?.();
  while (store.polled === before) await Promise.resolve();
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

class FakeStore implements Pick<KeyTable, "byDigest" | "endedSince"> {
  readonly keys = this;
  readonly asked: string[] = [];
  readonly #rows = new Map<string, KeyRow>();
  isAway = false;
  isHanging = false;
  isAccountDisabled = false;
  deletedAccountId: string | null = null;
  accountModels: string[] | null = null;
  lastId = "";
  polled = 0;
  #held: Promise<void> | null = null;

  add(kind: KeyKind, change: Partial<KeyRow> = {}): string {
    const token = newToken(kind);
    const digest = vault.digest(token);
    this.lastId = `key-${this.#rows.size}`;
    this.#rows.set(digest, {
      id: this.lastId,
      accountId: "account",
      kind,
      digest,
      sealed: "",
      rpm: null,
      models: null,
      budget: null,
      route: null,
      createdAt: 0,
      revokedAt: null,
      name: "",
      hint: null,
      family: this.lastId,
      isDefault: false,
      lastUsedAt: null,
      expiresAt: null,
      replacedBy: null,
      ...change,
    });
    return token;
  }

  /** As when the account of a key is opened again. */
  restore(token: string): void {
    const digest = vault.digest(token);
    const row = this.#rows.get(digest);
    if (row) this.#rows.set(digest, { ...row, revokedAt: null });
  }

  revoke(token: string, at = nowMs): void {
    const digest = vault.digest(token);
    const row = this.#rows.get(digest);
    if (row) this.#rows.set(digest, { ...row, revokedAt: at });
  }

  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return resolve;
  }

  async byDigest(digest: string) {
    this.asked.push(digest);
    const key = this.#rows.get(digest);
    if (this.isHanging) await new Promise(() => {});
    await this.#held;
    if (this.isAway) throw storeUnavailable("it is away");
    const account = {
      isDisabled: this.isAccountDisabled,
      isAdmin: false,
      rpm: null,
      models: this.accountModels,
      aliases: null,
      budget: null,
    };
    return key === undefined ? null : { key, account };
  }

  // deno-lint-ignore require-await -- the store's method is asynchronous, and so are its errors
  async endedSince(since: number) {
    this.polled++;
    if (this.isAway) throw storeUnavailable("it is away");
    const changes = [...this.#rows.values()]
      .flatMap(({ id, revokedAt: at }) =>
        at !== null && at >= since ? [{ id, at, deletedAccountId: this.deletedAccountId }] : []
      );
    return { changes, now: nowMs };
  }
}

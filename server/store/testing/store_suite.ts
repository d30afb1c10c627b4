/** What a store does for accounts, keys and the ledger: store_test.ts runs this suite on SQLite and on PostgreSQL. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { InviteRow } from "../invites.ts";
import type { AccountRow, KeyRow, LedgerEntry, Store } from "../store.ts";

export interface Subject {
  /** Opens the database, which is empty at first; each store is one gateway's. */
  openAgain(): Promise<Store>;
  remove?(): Promise<void>;
}

let serial = 0;
const unique = (prefix: string) => `${prefix}-${++serial}-${crypto.randomUUID()}`;

export function anAccount(change: Partial<AccountRow> = {}): AccountRow {
  return {
    id: unique("account"),
    email: `${unique("someone")}@example.org`,
    passwordHash: "$2b$12$hash",
    role: "user",
    createdAt: 1_700_000_000_000,
    disabledAt: null,
    deletedAt: null,
    rpm: null,
    models: null,
    budget: null,
    weight: null,
    totalApiCalls: 0,
    totalProvidedCalls: 0,
    ...change,
  };
}

export function aKey(account: Pick<AccountRow, "id">, change: Partial<KeyRow> = {}): KeyRow {
  const id = unique("key");
  return {
    id,
    accountId: account.id,
    kind: "api",
    digest: unique("digest"),
    sealed: "sealed",
    rpm: null,
    models: null,
    budget: null,
    route: null,
    createdAt: 1_700_000_000_000,
    revokedAt: null,
    name: "",
    hint: null,
    family: id,
    isDefault: true,
    lastUsedAt: null,
    expiresAt: null,
    replacedBy: null,
    ...change,
  };
}

export function anEntry(change: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    id: unique("call"),
    accountId: "nobody",
    keyId: "no-key",
    providerAccountId: null,
    nodeId: "node-1",
    endpoint: "/v1/chat/completions",
    model: "llama-3",
    alias: null,
    stream: true,
    outcome: "ok",
    status: 200,
    promptTokens: 12,
    completionTokens: null,
    estimated: false,
    deliveredBytes: 5_000_000_000,
    deliveredChunks: 4,
    producedChunks: 4,
    attempts: 1,
    queuedMs: 0.4,
    firstByteMs: null,
    durationMs: 1234.5,
    startedAt: 1_700_000_000_000,
    cause: null,
    attemptLog: [],
    route: "group",
    replays: { count: 1, last: [{ atMs: 400, afterEvent: null, wasEnded: false }] },
    choice: {
      node: "node-1",
      isTrial: false,
      compared: [{
        node: "node-1",
        firstMs: 120,
        endMs: 900,
        loadMs: 0,
        heldChars: 4000,
        freeSlots: 2,
        isMeasured: true,
      }],
    },
    ...change,
  };
}

function anInvite(digest: string, expiresAt: number): InviteRow {
  return {
    id: unique("invite"),
    digest,
    note: "",
    createdAt: Date.now(),
    createdBy: null,
    expiresAt,
    usedBy: null,
    revokedAt: null,
  };
}

/** Declares the tests. Called inside a `describe`. */
export function storeSuite(prepare: () => Promise<Subject>): void {
  let subject: Subject;
  let store: Store;

  beforeAll(async () => {
    subject = await prepare();
    store = await subject.openAgain();
    await store.migrate();
  });
  afterAll(async () => {
    await store?.close();
    await subject?.remove?.();
  });

  async function added(): Promise<{ account: AccountRow; key: KeyRow }> {
    const account = anAccount();
    const key = aKey(account);
    await store.addAccount(account, [key]);
    return { account, key };
  }

  test("two gateways that migrate an empty database at once both succeed", async () => {
    const empty = await prepare();
    const gateways = [await empty.openAgain(), await empty.openAgain()];
    await Promise.all(gateways.map((gateway) => gateway.migrate()));
    for (const gateway of gateways) {
      await gateway.migrate();
      await gateway.isSetUp();
      await gateway.close();
    }
    await empty.remove?.();
  });

  test("an account is read as it was written, by id and by e-mail address", async () => {
    const { account } = await added();
    expect(await store.accountById(account.id)).toEqual(account);
    expect(await store.accountByEmail(account.email)).toEqual(account);
    expect(await store.accountById("unknown")).toBeNull();
    expect(await store.accountByEmail("unknown@example.org")).toBeNull();
  });

  test("a taken e-mail address is refused, and nothing of the second account is stored", async () => {
    const { account } = await added();
    const second = anAccount({ email: account.email });
    const key = aKey(second);
    await expect(store.addAccount(second, [key])).rejects.toMatchObject({ code: "email_taken" });
    expect(await store.accountById(second.id)).toBeNull();
    expect(await store.keys.byDigest(key.digest)).toBeNull();
  });

  test("of twenty simultaneous registrations of one e-mail address exactly one succeeds", async () => {
    const email = `${unique("race")}@example.org`;
    const tries = await Promise.allSettled(
      Array.from({ length: 20 }, () => store.addAccount(anAccount({ email }), [])),
    );
    expect(tries.filter((one) => one.status === "fulfilled")).toHaveLength(1);
  });

  test("an account whose keys cannot be stored is not stored either", async () => {
    const { key } = await added();
    const account = anAccount();
    await expect(store.addAccount(account, [aKey(account, { digest: key.digest })])).rejects
      .toThrow();
    expect(await store.accountById(account.id)).toBeNull();
  });

  test("text with quotes, wildcards and statements in it is only text", async () => {
    const hostile = `%_'";-- \\ drop table accounts; ü 🦙`;
    const account = anAccount({ email: hostile });
    await store.addAccount(account, []);
    expect((await store.accountByEmail(hostile))?.id).toBe(account.id);
    for (const other of ["%", `${hostile}\0`, "\0", "\ud800"]) {
      expect(await store.accountByEmail(other)).toBeNull();
    }
  });

  test("an invite admits exactly one account", async () => {
    const digest = unique("invite");
    const now = Date.now();
    await store.invites.add(anInvite(digest, now + 600_000));
    const tries = await Promise.allSettled(
      Array.from({ length: 5 }, () => store.addAccount(anAccount(), [], digest)),
    );
    expect(tries.filter((one) => one.status === "fulfilled")).toHaveLength(1);
    await expect(store.addAccount(anAccount(), [], digest))
      .rejects.toMatchObject({ code: "invite_required" });
  });

  test("an expired or unknown invite admits no account, and does not reveal which addresses are taken", async () => {
    const { account } = await added();
    const digest = unique("invite");
    await store.invites.add(anInvite(digest, Date.now() - 1000));
    const again = anAccount({ email: account.email });
    await expect(store.addAccount(again, [], digest)).rejects.toMatchObject({
      code: "invite_required",
    });
    await expect(store.addAccount(again, [], "unknown"))
      .rejects.toMatchObject({ code: "invite_required" });
  });

  test("an invite survives a registration that fails for another reason", async () => {
    const { account } = await added();
    const digest = unique("invite");
    await store.invites.add(anInvite(digest, Date.now() + 600_000));
    await expect(store.addAccount(anAccount({ email: account.email }), [], digest))
      .rejects.toMatchObject({ code: "email_taken" });
    await store.addAccount(anAccount(), [], digest);
  });

  test("role and password can be changed", async () => {
    const { account } = await added();
    await store.users.change(account.id, { role: "admin" });
    await store.setPasswordHash(account.id, { hash: "$2b$12$other" });
    expect(await store.accountById(account.id))
      .toMatchObject({ role: "admin", passwordHash: "$2b$12$other" });
  });

  test("a key is read with its limits, which are changed one by one", async () => {
    const { account } = await added();
    await store.users.change(account.id, { budget: { tokens_per_day: 5 } });
    const key = aKey(account, {
      kind: "node",
      rpm: 7,
      models: ["a/b", "ü"],
      budget: { max_tokens: 9 },
    });
    await store.keys.rotate(key);
    expect(await store.keys.byDigest(key.digest)).toEqual({
      key,
      account: {
        isDisabled: false,
        isAdmin: false,
        rpm: null,
        models: null,
        budget: { tokens_per_day: 5 },
        aliases: null,
      },
    });
    await store.keys.change(account.id, key.id, { rpm: 0 });
    expect((await store.keys.byDigest(key.digest))?.key)
      .toMatchObject({ rpm: 0, models: ["a/b", "ü"] });
    await store.keys.change(account.id, key.id, { rpm: null, models: null, budget: null });
    await store.keys.change(account.id, key.id, {});
    expect((await store.keys.byDigest(key.digest))?.key).toMatchObject({
      rpm: null,
      models: null,
      budget: null,
    });
  });

  test("rotation revokes the key of that kind alone, and both keys are still found by digest", async () => {
    const { account, key } = await added();
    const node = aKey(account, { kind: "node" });
    await store.keys.rotate(node);
    const fresh = aKey(account);
    expect(await store.keys.rotate(fresh)).toEqual([key.id]);
    expect((await store.keys.ofAccount(account.id)).map((one) => one.id).sort())
      .toEqual([fresh.id, node.id].sort());
    expect((await store.keys.byDigest(key.digest))?.key.revokedAt).toBeNumber();
    expect((await store.keys.byDigest(fresh.digest))?.key.revokedAt).toBeNull();
  });

  test("two administrators who take each other's rights away at the same moment leave one of them", async () => {
    const other = await subject.openAgain();
    const keeps = { keepsAdministrator: true };
    for (const { id, role } of await store.users.page({ limit: 1000 })) {
      if (role === "admin") await store.users.change(id, { role: "user" });
    }
    for (const change of [{ role: "user" }, { isDisabled: true }] as const) {
      const [one, two] = [(await added()).account, (await added()).account];
      for (const { id } of [one, two]) await store.users.change(id, { role: "admin" });
      const outcomes = await Promise.allSettled([
        store.users.change(one.id, change, keeps),
        other.users.change(two.id, change, keeps),
      ]);
      const refused = outcomes.filter((outcome) => outcome.status === "rejected");
      expect(refused).toHaveLength(1);
      expect(refused[0]?.reason).toMatchObject({ code: "invalid_request" });
      for (const { id } of [one, two]) await store.users.change(id, { role: "user" });
    }
    await other.close();
  });

  test("many simultaneous rotations, on two gateways, leave exactly one key", async () => {
    const { account } = await added();
    const other = await subject.openAgain();
    await Promise.all(
      Array.from({ length: 12 }, (_, i) => (i % 2 ? store : other).keys.rotate(aKey(account))),
    );
    expect(await store.keys.ofAccount(account.id)).toHaveLength(1);
    await other.close();
  });

  test("revoked keys and keys of disabled accounts are reported from a time of the database's clock on", async () => {
    const { account, key } = await added();
    const disabled = await added();
    const before = await store.keys.endedSince(0);
    // Tests before this one have ended keys, too, perhaps in this very millisecond.
    const earlier = new Set(before.changes.map(({ id }) => id));
    await store.keys.rotate(aKey(account));
    await store.users.change(disabled.account.id, { isDisabled: true });
    const after = await store.keys.endedSince(before.now);
    expect(after.now).toBeGreaterThanOrEqual(before.now);
    const later = after.changes.map(({ id }) => id).filter((id) => !earlier.has(id));
    expect(later.sort()).toEqual([key.id, disabled.key.id].sort());
    for (const { at } of after.changes) expect(at).toBeWithin(before.now, after.now + 1);
    expect((await store.keys.endedSince(after.now + 60_000)).changes).toEqual([]);
    expect((await store.keys.byDigest(disabled.key.digest))?.account.isDisabled).toBe(true);
    await store.users.change(disabled.account.id, { isDisabled: false });
    expect((await store.keys.byDigest(disabled.key.digest))?.account.isDisabled).toBe(false);
  });

  test("served calls count for caller and provider; other calls count for neither", async () => {
    const { account: caller } = await added();
    const { account: provider } = await added();
    const entry = (change: Partial<LedgerEntry>) =>
      anEntry({ accountId: caller.id, providerAccountId: provider.id, ...change });
    await store.writeLedger([
      entry({ outcome: "ok" }),
      entry({ outcome: "cancelled", producedChunks: 1 }),
      entry({ outcome: "interrupted", producedChunks: 1 }),
      entry({ outcome: "node_lost", producedChunks: 1 }),
      entry({ outcome: "cancelled", producedChunks: 0 }),
      entry({ outcome: "upstream_error", producedChunks: 3 }),
      entry({ outcome: "timeout", producedChunks: 3 }),
      entry({ outcome: "rejected", producedChunks: 0, providerAccountId: null }),
    ]);
    expect(await store.accountById(caller.id))
      .toMatchObject({ totalApiCalls: 4, totalProvidedCalls: 0 });
    expect(await store.accountById(provider.id))
      .toMatchObject({ totalApiCalls: 0, totalProvidedCalls: 4 });
  });

  test("an entry that is written twice, in one batch or in two, counts once", async () => {
    const { account } = await added();
    const first = anEntry({ accountId: account.id, providerAccountId: account.id });
    const second = anEntry({ accountId: account.id });
    await store.writeLedger([first, first]);
    await store.writeLedger([first, second]);
    await store.writeLedger([]);
    expect(await store.accountById(account.id))
      .toMatchObject({ totalApiCalls: 2, totalProvidedCalls: 1 });
  });

  test("callers who came back after a call's end are kept with it", async () => {
    const entry = anEntry({ replays: null });
    await store.writeLedger([entry]);
    const last = [{ atMs: 900, afterEvent: 3, wasEnded: true }];
    await store.calls.setReplays(entry.id, { count: 4, last });
    const found = await store.calls.find(entry.accountId, entry.id);
    expect(found!.replays).toEqual({ count: 4, last });
  });

  test("batches of two gateways with the same accounts, in any order, are all written", async () => {
    const accounts = await Promise.all(Array.from({ length: 6 }, () => added()));
    const other = await subject.openAgain();
    const batch = (reverse: boolean) => {
      const entries = accounts.map(({ account }) => anEntry({ accountId: account.id }));
      return reverse ? entries.reverse() : entries;
    };
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? store : other).writeLedger(batch(i % 2 === 0))),
    );
    for (const { account } of accounts) {
      expect((await store.accountById(account.id))?.totalApiCalls).toBe(20);
    }
    await other.close();
  });

  test("a batch of a thousand, with NUL in a model's name, is written whole", async () => {
    const { account } = await added();
    await store.writeLedger(
      Array.from({ length: 1000 }, () => anEntry({ accountId: account.id, model: "a\0b" })),
    );
    expect((await store.accountById(account.id))?.totalApiCalls).toBe(1000);
  });

  test("models that were ever offered are remembered, the latest first, each once", async () => {
    await store.addKnownModels(["old", "both"], 1);
    await store.addKnownModels(["both", "new"], 2);
    expect((await store.knownModels(10)).toSorted()).toEqual(["both", "new", "old"]);
    expect(await store.knownModels(1)).toEqual(["new"]);
  });

  test("reports of nodes whose reasons it spells alike add up to one", async () => {
    const sum = { nodeId: "lending", day: 0, amount: 1 };
    await store.lent.add([
      { ...sum, what: "closed_s:nul\0" },
      { ...sum, what: "closed_s:nul\uFFFD" },
      { ...sum, what: "closed_s:half \uD83D" },
      { ...sum, nodeId: "bystander", what: "open_s" },
      { ...sum, what: "closed_s:half \uDE00" },
    ]);
    const { sums } = await store.lent.ofNode("lending", 0);
    expect(sums.map(({ what, amount }) => [what, amount])).toEqual([
      ["closed_s:half \uFFFD", 2],
      ["closed_s:nul\uFFFD", 2],
    ]);
    expect((await store.lent.ofNode("bystander", 0)).sums).toHaveLength(1);
  });

  test("no query sees a transaction half done", async () => {
    const { account } = await added();
    const looks: Promise<number>[] = [];
    const writes = Array.from({ length: 10 }, () => {
      const key = aKey(account);
      const write = store.keys.rotate(key);
      looks.push(store.keys.ofAccount(account.id).then((keys) => keys.length));
      return write;
    });
    await Promise.all(writes);
    expect(new Set(await Promise.all(looks))).toEqual(new Set([1]));
  });

  test("a probe writes and leaves nothing behind, also many at once", async () => {
    const { account } = await added();
    const other = await subject.openAgain();
    const waiting = await store.usage.waiting(1000);
    await Promise.all([store.probe(), other.probe(), store.probe(), other.probe()]);
    expect(await store.usage.waiting(1000)).toBe(waiting);
    expect(await store.accountById(account.id)).toMatchObject({ totalApiCalls: 0 });
    expect(store.trouble).toBeNull();
    await other.close();
    await expect(other.probe()).rejects.toMatchObject({ code: "store_unavailable" });
    expect(other.trouble).toBe("it is closed");
  });

  test("a closed store says that it is unavailable, and closing twice is harmless", async () => {
    const other = await subject.openAgain();
    await other.isSetUp();
    await other.close();
    await other.close();
    await expect(other.isSetUp()).rejects.toMatchObject({ code: "store_unavailable" });
  });
}

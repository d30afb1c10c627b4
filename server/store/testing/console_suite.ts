/** What a store does for the console: store_test.ts runs this suite on SQLite and on PostgreSQL. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HOUR_MS, MINUTE_MS } from "../../base/clock.ts";
import type { IdentityRow } from "../identities.ts";
import type { JoinRow } from "../joins.ts";
import type { NodeSighting } from "../nodes.ts";
import type { AccountRow, LedgerEntry, Store } from "../store.ts";
import { positionIn, type UserPosition, type UserRow, type UserSort } from "../users.ts";
import { aKey, anAccount, anEntry, type Subject } from "./store_suite.ts";

/** The start of a day, and so of an hour and of a minute. */
const DAY = Date.UTC(2026, 9, 1);

/** Declares the tests. Called inside a `describe`. */
export function consoleSuite(prepare: () => Promise<Subject>): void {
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

  async function added(change: Partial<AccountRow> = {}): Promise<AccountRow> {
    const account = anAccount(change);
    await store.addAccount(account, []);
    return account;
  }

  test("of two accounts that take an address at once, one gets it and the other is refused", async () => {
    for (let round = 0; round < 10; round++) {
      const [one, two] = [await added(), await added()];
      const email = `${crypto.randomUUID()}@example.org`;
      const outcomes = await Promise.allSettled(
        [one, two].map(({ id }) => store.setEmail(id, email)),
      );
      const refusals = outcomes.flatMap((outcome) =>
        outcome.status === "rejected" ? [outcome.reason.code] : []
      );
      expect(refusals).toEqual(["email_taken"]);
    }
  });

  describe("accounts that are deleted", () => {
    const deleted = async (change: Partial<AccountRow> = {}) => {
      const account = await added(change);
      await store.keys.add(aKey(account));
      return { ...account, deletion: await store.deleteAccount(account.id) };
    };

    test("are found no more, free their address, and are reported with their keys", async () => {
      const before = await store.keys.endedSince(0);
      const { id, email, deletion } = await deleted();
      expect(deletion).toMatchObject({ email, keyIds: [expect.any(String)], sessionIds: [] });
      expect(await store.accountById(id)).toBeNull();
      expect(await store.accountByEmail(email)).toBeNull();
      expect(await store.users.find(id)).toBeNull();
      expect(await store.users.idsByEmail([email])).toEqual([]);
      await store.users.change(id, { isDisabled: false });
      const { changes } = await store.keys.endedSince(before.now);
      expect(changes.filter(({ deletedAccountId }) => deletedAccountId === id).map(({ id }) => id))
        .toEqual(deletion!.keyIds);
      expect(await store.deleteAccount(id)).toBeNull();
      expect(await store.setEmail(id, "back@example.org")).toBe(false);
      expect(await added({ email })).toMatchObject({ email });
    });

    test("take no group, no session and no code with them", async () => {
      const { id, passwordHash } = await deleted();
      const group = crypto.randomUUID();
      const team = { id: group, name: group, weight: 100, membersSeeNodes: false, budget: null };
      await store.groups.add({ ...team, createdAt: DAY });
      await expect(store.groups.changeMembers(group, { add: [id], remove: [], now: DAY }))
        .rejects.toThrow("does not exist");
      const session = {
        id: crypto.randomUUID(),
        accountId: id,
        createdAt: Date.now(),
        lastSeenAt: Date.now(),
        expiresAt: Date.now() + HOUR_MS,
        address: "",
        userAgent: null,
        providerSid: null,
      };
      expect(await store.sessions.add(session, passwordHash)).toBe(false);
      const code = { accountId: id, digest: id, expiresAt: Date.now() + HOUR_MS };
      await store.passwordResets.put(code);
      expect(await store.passwordResets.emailOf(id)).toBeNull();
      expect(await store.resetPassword(id, "hash")).toBeNull();
    });

    test("leave no weight, and can be linked with no person of the provider", async () => {
      const { id } = await deleted({ weight: 300 });
      const { weights } = await store.groups.snapshot();
      expect(weights.filter(({ accountId }) => accountId === id)).toEqual([]);
      const identity: IdentityRow = {
        issuer: "https://id.example",
        subject: id,
        accountId: id,
        createdAt: DAY,
        given: { groups: [], isAdmin: false },
        sealedGrant: "",
        dueAt: null,
        suspendedAt: null,
      };
      expect(await store.identities.link(identity)).toBe(false);
      expect(await store.identities.takeOver(identity, [])).toBeNull();
      expect(await store.identities.find(identity)).toBeNull();
    });

    test("leave their invites to those who have them, under no name", async () => {
      const guest = await added();
      const maker = await added({ role: "admin" });
      await added({ role: "admin" });
      const invite = {
        id: crypto.randomUUID(),
        digest: crypto.randomUUID(),
        note: "",
        createdAt: DAY,
        createdBy: maker.id,
        expiresAt: Date.now() + HOUR_MS,
        usedBy: guest.id,
        revokedAt: null,
      };
      await store.invites.add(invite);
      await store.deleteAccount(maker.id);
      const listed = (await store.invites.list(0)).find(({ id }) => id === invite.id);
      expect([listed?.createdByEmail, listed?.usedByEmail])
        .toEqual(["deleted account", guest.email]);
    });

    test("lose their nodes, a limited number at a time", async () => {
      const { id } = await deleted();
      const sightings = ["a", "b", "c"].map((name) => ({
        id: `${id}/${name}`,
        accountId: id,
        keyId: "key",
        name,
        agent: null,
        machine: null,
        models: [],
        maxParallel: 1,
        at: DAY,
      }));
      await store.nodes.write({ sightings, departures: [], events: [] });
      expect((await store.nodes.all(1000)).filter(({ accountId }) => accountId === id)).toEqual([]);
      expect([await store.nodes.pruneOwnerless(2), await store.nodes.pruneOwnerless(2)])
        .toEqual([2, 1]);
      expect(await store.nodes.ofAccount(id, 9)).toEqual([]);
    });
  });

  describe("groups", () => {
    const group = (name: string) => ({
      id: crypto.randomUUID(),
      name,
      weight: 100,
      membersSeeNodes: false,
      budget: { models: ["a"], tokens_per_month: 7 },
      createdAt: DAY,
    });
    const membersOf = async (id: string) =>
      (await store.groups.members(id)).map(({ accountId }) => accountId);

    test("have one name each, whatever its case", async () => {
      const lab = group("Lab");
      await store.groups.add(lab);
      await expect(store.groups.add(group("LAB"))).rejects.toThrow("another group has that name");
      const other = group("Office");
      await store.groups.add(other);
      await expect(store.groups.change(other.id, { name: "lab" })).rejects.toThrow("another group");
      expect(await store.groups.change(lab.id, { name: "lab", weight: 300 })).toBe(true);
      const { groups } = await store.groups.snapshot();
      expect(groups.find(({ id }) => id === lab.id)).toEqual({
        ...lab,
        name: "lab",
        nameKey: "lab",
        weight: 300,
      });
      expect(await store.groups.change("nowhere", { weight: 1 })).toBe(false);
    });

    test("take accounts in, twice as once, and let them go; unknown ones are refused", async () => {
      const [ada, bob] = [await added(), await added()];
      const team = group("team");
      await store.groups.add(team);
      const change = (add: string[], remove: string[] = []) =>
        store.groups.changeMembers(team.id, { add, remove, now: DAY });
      await change([ada.id, bob.id]);
      await change([ada.id]);
      expect((await membersOf(team.id)).sort()).toEqual([ada.id, bob.id].sort());
      await expect(change(["nobody"])).rejects.toThrow("an account does not exist");
      await change([], [ada.id]);
      expect(await membersOf(team.id)).toEqual([bob.id]);
    });

    test("leave no member behind when they are removed", async () => {
      const ada = await added();
      const gone = group("gone");
      await store.groups.add(gone);
      await store.groups.changeMembers(gone.id, { add: [ada.id], remove: [], now: DAY });
      expect(await store.groups.remove(gone.id)).toBe(true);
      expect(await store.groups.remove(gone.id)).toBe(false);
      const { members } = await store.groups.snapshot();
      expect(members.filter(({ groupId }) => groupId === gone.id)).toEqual([]);
    });

    test("have another version after each change, and the same after none", async () => {
      const versions = [await store.groups.version()];
      const one = group("versioned");
      await store.groups.add(one);
      versions.push(await store.groups.version());
      await store.groups.remove(one.id);
      versions.push(await store.groups.version());
      expect(new Set(versions).size).toBe(3);
      await expect(store.groups.add(group("Lab "))).resolves.toBeUndefined();
      await expect(store.groups.add(group("Lab "))).rejects.toThrow();
      const after = await store.groups.version();
      expect(await store.groups.version()).toBe(after);
    });
  });

  describe("joins", () => {
    async function asked(change: Partial<JoinRow> = {}): Promise<JoinRow> {
      const row: JoinRow = {
        id: crypto.randomUUID(),
        codeDigest: crypto.randomUUID(),
        deviceDigest: crypto.randomUUID(),
        accountId: null,
        state: "open",
        machine: "studio-pc",
        address: "192.0.2.1",
        createdAt: Date.now(),
        expiresAt: Date.now() + HOUR_MS,
        ...change,
      };
      await store.joins.add(row);
      return row;
    }

    test("are decided once, by the first account that does", async () => {
      const [ada, bob] = [await added(), await added()];
      const { codeDigest } = await asked();
      const decisions = await Promise.all(
        [ada, bob].map(({ id: accountId }) =>
          store.joins.decide(codeDigest, { accountId, isApproved: true })
        ),
      );
      expect(decisions.filter((row) => row !== null)).toHaveLength(1);
    });

    test("make one key, however many use them at the same time, and none once they have expired", async () => {
      const account = await added();
      const state = "approved";
      const { id } = await asked({ accountId: account.id, state });
      const keyOf = (accountId: string) => aKey({ id: accountId }, { kind: "node" });
      const keys = await Promise.all([1, 2, 3].map(() => store.joins.use(id, keyOf)));
      expect(keys.filter((key) => key !== null)).toHaveLength(1);
      expect(await store.keys.ofAccount(account.id)).toHaveLength(1);
      const late = await asked({ accountId: account.id, state, expiresAt: Date.now() - 1 });
      expect(await store.joins.use(late.id, keyOf)).toBeNull();
      expect(await store.joins.decide(late.codeDigest, { accountId: account.id, isApproved: true }))
        .toBeNull();
    });

    test("are forgotten when they have expired and others come", async () => {
      const { codeDigest } = await asked({ expiresAt: Date.now() - 1 });
      expect(await store.joins.byCode(codeDigest)).not.toBeNull();
      await asked();
      expect(await store.joins.byCode(codeDigest)).toBeNull();
    });
  });

  describe("identities", () => {
    const issuer = "https://id.example.org";
    const given = { groups: [], isAdmin: false };

    function person(accountId: string, change: Partial<IdentityRow> = {}): IdentityRow {
      const subject = crypto.randomUUID();
      const times = { createdAt: 1, dueAt: 1, suspendedAt: null };
      return { issuer, subject, accountId, given, sealedGrant: "grant", ...times, ...change };
    }

    async function linked(change: Partial<IdentityRow> = {}) {
      const account = await added({ passwordHash: "" });
      const identity = person(account.id, change);
      expect(await store.identities.link(identity)).toBe(true);
      return { account, identity };
    }

    async function session(accountId: string, providerSid: string | null): Promise<string> {
      const id = crypto.randomUUID();
      const times = { createdAt: 1, lastSeenAt: 1, expiresAt: Date.now() + HOUR_MS };
      const from = { address: "192.0.2.1", userAgent: null, providerSid };
      await store.sessions.add({ id, accountId, ...from, ...times }, "");
      return id;
    }

    test("a person has one account with a provider, and an account one person", async () => {
      const { account, identity } = await linked();
      expect(await store.identities.find(identity)).toEqual(identity);
      expect(await store.identities.ofAccount(account.id, issuer)).toEqual(identity);
      expect(await store.identities.link(person(account.id))).toBe(false);
      const other = await added();
      expect(await store.identities.link({ ...identity, accountId: other.id })).toBe(false);
      expect(await store.identities.link(person(account.id, { issuer: "https://other" }))).toBe(
        true,
      );
      expect(await store.identities.unlink(account.id)).toBe(true);
      expect(await store.identities.find(identity)).toBeNull();
      expect(await store.identities.find({ issuer, subject: "\0" })).toBeNull();
    });

    test("an account that is taken over loses its password, its sessions and its keys", async () => {
      const account = await added({ passwordHash: "" });
      const old = aKey(account, { isDefault: true });
      await store.keys.rotate(old);
      const open = await session(account.id, null);
      const identity = person(account.id);
      const fresh = aKey(account, { isDefault: true });
      expect(await store.identities.takeOver(identity, [fresh]))
        .toEqual({ keyIds: [old.id], sessionIds: [open] });
      const byDigest = await store.keys.byDigest(old.digest);
      expect(byDigest!.key.revokedAt).not.toBeNull();
      expect((await store.keys.ofAccount(account.id)).map(({ id }) => id)).toEqual([fresh.id]);

      const other = await added();
      const again = { ...identity, accountId: other.id };
      expect(await store.identities.takeOver(again, [aKey(other)])).toBeNull();
      expect((await store.accountById(other.id))!.passwordHash).toBe(other.passwordHash);
      await store.deleteAccount(account.id);
      expect(await store.identities.find(identity)).toBeNull();
    });

    test("an account is made with its person, or not at all", async () => {
      const { identity } = await linked();
      const account = anAccount();
      const making = store.addAccount(account, [], undefined, {
        ...identity,
        accountId: account.id,
      });
      await expect(making).rejects.toMatchObject({ code: "email_taken" });
      expect(await store.accountById(account.id)).toBeNull();
    });

    test("those that are due are claimed once, the most urgent first, and again when the claim is over", async () => {
      const at = { issuer: `https://${crypto.randomUUID()}`, limit: 2 };
      const ids = [];
      for (const dueAt of [3, 1, 2, 9, null]) {
        ids.push((await linked({ issuer: at.issuer, dueAt })).identity.subject);
      }
      const claim = async (now: number) =>
        (await store.identities.claimDue({ ...at, now, leaseUntil: now + 5 }))
          .map(({ subject }) => subject).sort();
      expect(await claim(3)).toEqual([ids[1]!, ids[2]!].sort());
      expect(await claim(3)).toEqual([ids[0]!]);
      expect(await claim(3)).toEqual([]);
      const both = await Promise.all([claim(8), claim(8)]);
      // Each by one of the two: which of them may find fewer than there are.
      const rest = await claim(8);
      expect([...both.flat(), ...rest].sort()).toEqual([ids[0]!, ids[1]!, ids[2]!].sort());
    });

    test("an account is suspended with its sessions, and enabled by the next sign-in unless an administrator disabled it", async () => {
      const { account, identity } = await linked();
      const open = [await session(account.id, "sid"), await session(account.id, null)];
      expect((await store.identities.suspend(identity))!.sort()).toEqual(open.sort());
      expect((await store.accountById(account.id))!.disabledAt).not.toBeNull();
      expect(await store.identities.find(identity)).toMatchObject({ sealedGrant: "", dueAt: null });
      const vouched = { given, sealedGrant: "new", dueAt: 5 };
      await store.identities.vouch(identity, vouched);
      expect((await store.accountById(account.id))!.disabledAt).toBeNull();
      expect(await store.identities.find(identity)).toMatchObject({
        ...vouched,
        suspendedAt: null,
      });

      // The check that began before the sign-in changes nothing any more.
      expect(await store.identities.suspend(identity)).toBeNull();
      await store.identities.checked(identity, { ...vouched, dueAt: 7 });
      expect(await store.identities.find(identity)).toMatchObject(vouched);
      expect((await store.accountById(account.id))!.disabledAt).toBeNull();

      await store.users.change(account.id, { isDisabled: true });
      expect(await store.identities.suspend({ ...identity, sealedGrant: "new" })).toEqual([]);
      await store.identities.vouch(identity, vouched);
      expect((await store.accountById(account.id))!.disabledAt).not.toBeNull();
    });

    test("sessions end by the provider's name of them, and those of passwords stay", async () => {
      const { account } = await linked();
      const sid = crypto.randomUUID();
      const [one, two, own] = [
        await session(account.id, sid),
        await session(account.id, "other"),
        await session(account.id, null),
      ];
      expect(await store.sessions.accountsOfProvider(sid)).toEqual([account.id]);
      expect(await store.sessions.endOfProvider(account.id, sid)).toEqual([one]);
      expect(await store.sessions.endOfProvider(account.id, null)).toEqual([two]);
      expect([...await store.sessions.alive([one, two, own])]).toEqual([own]);
    });
  });

  describe("sessions", () => {
    const later = () => Date.now() + HOUR_MS;

    async function begun(account: AccountRow, change: object = {}): Promise<string> {
      const id = crypto.randomUUID();
      const session = {
        id,
        accountId: account.id,
        createdAt: Date.now(),
        lastSeenAt: Date.now(),
        expiresAt: later(),
        address: "192.0.2.1",
        userAgent: null,
        providerSid: null,
        ...change,
      };
      expect(await store.sessions.add(session, account.passwordHash)).toBe(true);
      return id;
    }

    test("are found with their account until they are ended, expire, or the account is disabled", async () => {
      const account = await added({ role: "admin" });
      const [kept, ended, expired] = [
        await begun(account),
        await begun(account),
        await begun(account, { expiresAt: Date.now() - 1 }),
      ];
      expect(await store.sessions.find(kept)).toMatchObject({
        id: kept,
        accountId: account.id,
        account: { role: "admin", email: account.email },
      });
      expect(await store.sessions.end(account.id, ended)).toBe(true);
      expect(await store.sessions.end(account.id, ended)).toBe(false);
      expect(await store.sessions.find(ended)).toBeNull();
      expect(await store.sessions.find(expired)).toBeNull();
      expect(await store.sessions.alive([kept, ended, expired])).toEqual(new Set([kept]));
      expect((await store.sessions.ofAccount(account.id)).map(({ id }) => id)).toEqual([kept]);
      await store.users.change(account.id, { isDisabled: true });
      expect(await store.sessions.find(kept)).toBeNull();
      expect(await store.sessions.alive([kept])).toEqual(new Set());
    });

    test("are ended by their own account alone", async () => {
      const [account, other] = [await added(), await added()];
      const id = await begun(account);
      expect(await store.sessions.end(other.id, id)).toBe(false);
      expect(await store.sessions.endOthers(other.id, null)).toEqual([]);
      expect(await store.sessions.find(id)).not.toBeNull();
    });

    test("end with a new password, all but the session that changed it", async () => {
      const account = await added();
      const [here, there] = [await begun(account), await begun(account)];
      expect(
        await store.setPasswordHash(account.id, {
          hash: "$2b$12$new",
          exceptSession: here,
        }),
      ).toEqual([there]);
      expect(await store.sessions.alive([here, there])).toEqual(new Set([here]));
      expect((await store.accountById(account.id))?.passwordHash).toBe("$2b$12$new");
    });

    test("do not begin with a password that was changed before, and such a password is not replaced again", async () => {
      const account = await added();
      const change = { hash: "$2b$12$new", replacing: account.passwordHash };
      expect(await store.setPasswordHash(account.id, change)).toEqual([]);
      expect(await store.setPasswordHash(account.id, change)).toBeNull();
      await expect(begun(account)).rejects.toThrow();
      expect(await store.sessions.ofAccount(account.id)).toEqual([]);
    });

    test("that begin while the password is changed end with it, whichever comes first", async () => {
      const account = await added();
      const begins = Array.from({ length: 4 }, () => begun(account).catch(() => null));
      const changed = store.setPasswordHash(account.id, { hash: "$2b$12$new" });
      await Promise.all([changed, ...begins]);
      expect(await store.sessions.ofAccount(account.id)).toEqual([]);
    });

    test("end with a password that a code sets, which works once however often it is used at once", async () => {
      const account = await added();
      const { id } = account;
      await begun(account);
      const digest = crypto.randomUUID();
      const code = { accountId: id, digest, expiresAt: Date.now() + 60_000 };
      await store.passwordResets.put({ ...code, digest: "an older one" });
      await store.passwordResets.put(code);
      expect(await store.passwordResets.emailOf("an older one")).toBeNull();
      const other = await subject.openAgain();
      const uses = await Promise.all(
        [store, other, store, other].map((one, i) => one.resetPassword(digest, `hash ${i}`)),
      );
      await other.close();
      expect(uses.filter((use) => use !== null)).toHaveLength(1);
      expect(await store.sessions.ofAccount(id)).toEqual([]);
      expect(await store.passwordResets.emailOf(digest)).toBeNull();
      await store.passwordResets.put({ ...code, expiresAt: Date.now() - 60_000 });
      expect(await store.resetPassword(digest, "too late")).toBeNull();
    });

    test("beyond fifty end the oldest ones", async () => {
      const account = await added();
      const oldest = await begun(account, { createdAt: 1 });
      for (let i = 0; i < 50; i++) await begun(account, { createdAt: 2 + i });
      expect(await store.sessions.find(oldest)).toBeNull();
      expect(await store.sessions.ofAccount(account.id)).toHaveLength(50);
    });

    test("that have expired are deleted", async () => {
      const account = await added();
      const [expired, valid] = [await begun(account, { expiresAt: 5 }), await begun(account)];
      await store.sessions.prune(Date.now());
      expect(await store.sessions.end(account.id, expired)).toBe(false);
      expect(await store.sessions.find(valid)).not.toBeNull();
    });
  });

  describe("keys", () => {
    const endedSince = async (since: number) =>
      (await store.keys.endedSince(since)).changes.map(({ id }) => id);

    test("of one account are several, and each is revoked alone", async () => {
      const account = await added();
      const [one, two] = [
        aKey(account, { isDefault: false }),
        aKey(account, { isDefault: false, name: "two" }),
      ];
      await store.keys.add(one);
      await store.keys.add(two);
      const before = await store.keys.endedSince(0);
      expect(await store.keys.revoke("somebody", one.id)).toBe(false);
      expect(await store.keys.revoke(account.id, one.id)).toBe(true);
      expect((await store.keys.ofAccount(account.id)).map(({ name }) => name)).toEqual(["two"]);
      expect(await endedSince(before.now)).toContain(one.id);
    });

    test("are at most 200 an account, however many are added at once", async () => {
      const account = await added();
      const tries = await Promise.allSettled(
        Array.from({ length: 205 }, () => store.keys.add(aKey(account, { isDefault: false }))),
      );
      expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(200);
      await expect(store.keys.add(aKey(account))).rejects.toMatchObject({ code: "too_many" });
    });

    test("work for a while beside the keys that replaced them, and are reported as ended afterwards", async () => {
      const account = await added();
      const old = aKey(account, { isDefault: false });
      await store.keys.add(old);
      const fresh = aKey(account, { isDefault: false, family: old.family });
      expect(await store.keys.rotate(fresh, { replaced: old.id, overlapMs: HOUR_MS })).toEqual([]);
      const [first, second] = await store.keys.ofAccount(account.id);
      expect([first?.id, second?.id].sort()).toEqual([old.id, fresh.id].sort());
      const end = (await store.keys.byDigest(old.digest))?.key.expiresAt ?? 0;
      expect(Math.abs(end - Date.now() - HOUR_MS)).toBeLessThan(MINUTE_MS);
      const again = aKey(account, { isDefault: false });
      expect(await store.keys.rotate(again, { replaced: old.id })).toBeNull();
      expect(await store.keys.byDigest(again.digest)).toBeNull();

      await store.keys.change(account.id, old.id, { expiresAt: Date.now() - 1000 });
      const { now } = await store.keys.endedSince(Number.MAX_SAFE_INTEGER);
      expect(await endedSince(now - MINUTE_MS)).toContain(old.id);
      expect((await store.keys.ofAccount(account.id)).map(({ id }) => id)).toEqual([fresh.id]);
    });

    test("whose end is set into the past are reported as ended now, and cannot be revived", async () => {
      const account = await added();
      const key = aKey(account);
      await store.keys.add(key);
      await store.keys.change(account.id, key.id, { expiresAt: 1 });
      const { now } = await store.keys.endedSince(Number.MAX_SAFE_INTEGER);
      expect(await endedSince(now - MINUTE_MS)).toContain(key.id);
      expect(await store.keys.change(account.id, key.id, { expiresAt: null })).toBeNull();
    });

    test("count against the limit while a replaced key still works", async () => {
      const account = await added();
      const keys = Array.from({ length: 200 }, () => aKey(account, { isDefault: false }));
      await Promise.all(keys.map((key) => store.keys.add(key)));
      const rotate = (overlapMs: number) =>
        store.keys.rotate(aKey(account, { isDefault: false }), {
          replaced: keys[0]!.id,
          overlapMs,
        });
      await expect(rotate(HOUR_MS)).rejects.toMatchObject({ code: "too_many" });
      expect(await rotate(0)).toEqual([keys[0]!.id]);
    });

    test("and invites and audit events with an impossible id are not found", async () => {
      const account = await added();
      expect(await store.keys.change(account.id, "\0", { rpm: 1 })).toBeNull();
      expect(await store.keys.revoke(account.id, "\0")).toBe(false);
      expect(await store.keys.rotate(aKey(account), { replaced: "\0" })).toBeNull();
      expect(await store.invites.revoke("\0")).toBeNull();
      expect(await store.audit.page({ action: "\0", limit: 1 })).toEqual([]);
    });

    test("keep an end that is sooner than the end of their overlap", async () => {
      const account = await added();
      const soon = Date.now() + MINUTE_MS;
      const old = aKey(account, { isDefault: false, expiresAt: soon });
      await store.keys.add(old);
      await store.keys.rotate(aKey(account), { replaced: old.id, overlapMs: HOUR_MS });
      expect((await store.keys.byDigest(old.digest))?.key.expiresAt).toBe(soon);
    });

    test("show when they made a call last, once a minute", async () => {
      const account = await added();
      const key = aKey(account);
      await store.keys.add(key);
      const called = (startedAt: number) =>
        store.writeLedger([anEntry({ accountId: account.id, keyId: key.id, startedAt })]);
      const usedAt = async () => (await store.keys.byDigest(key.digest))?.key.lastUsedAt;
      expect(await usedAt()).toBeNull();
      await called(DAY);
      await called(DAY + 1000);
      expect(await usedAt()).toBe(DAY);
      await called(DAY + MINUTE_MS);
      expect(await usedAt()).toBe(DAY + MINUTE_MS);
    });
  });

  describe("calls", () => {
    const entries = (account: AccountRow, count: number, change: Partial<LedgerEntry> = {}) =>
      Array.from(
        { length: count },
        (_, i) =>
          anEntry({ accountId: account.id, startedAt: DAY + i, model: `m${i % 3}`, ...change }),
      );

    test("are read as they were written, newest first, page by page, each once", async () => {
      const account = await added();
      const all = entries(account, 25);
      // Several calls of one millisecond.
      all.push(...entries(account, 5, { startedAt: DAY + 10 }));
      all.push(anEntry({
        accountId: account.id,
        startedAt: DAY + 100,
        cause: "node_lost",
        attemptLog: [{ node: "node-1", startMs: 0, durationMs: 7, end: "node_lost" }],
      }));
      await store.writeLedger(all);
      const seen: LedgerEntry[] = [];
      let after: { startedAt: number; id: string } | undefined;
      do {
        const page = await store.calls.page({
          accountId: account.id,
          side: "made",
          limit: 4,
          ...(after === undefined ? {} : { after }),
        });
        seen.push(...page.calls);
        after = page.end ?? undefined;
      } while (after !== undefined);
      expect(seen.map(({ id }) => id).toSorted()).toEqual(all.map(({ id }) => id).toSorted());
      expect(seen[0]).toEqual({ ...all.at(-1)!, queuedMs: 0, durationMs: 1235 });
      expect(seen.map(({ startedAt }) => startedAt))
        .toEqual(all.map(({ startedAt }) => startedAt).toSorted((a, b) => b - a));
    });

    test("are filtered by each of their properties", async () => {
      const [account, provider] = [await added(), await added()];
      const wanted = anEntry({
        accountId: account.id,
        providerAccountId: provider.id,
        keyId: "k",
        model: "%",
        nodeId: "n",
        endpoint: "/v1/embeddings",
        status: 502,
        outcome: "node_lost",
        startedAt: DAY + 5,
      });
      await store.writeLedger([wanted, ...entries(account, 20)]);
      const filters = [
        { keyId: "k" },
        { model: "%" },
        { nodeId: "n" },
        { endpoint: "/v1/embeddings" },
        { status: 502 },
        { outcomes: ["node_lost", "timeout"] as const },
        { model: "%", from: DAY + 5, to: DAY + 6 },
        { side: "provided" as const, accountId: provider.id },
      ];
      for (const filter of filters) {
        const { calls, end } = await store.calls.page({
          accountId: account.id,
          side: "made",
          limit: 5,
          ...filter,
        });
        expect({ filter, ids: calls.map(({ id }) => id), end })
          .toEqual({ filter, ids: [wanted.id], end: null });
      }
      const none = { accountId: account.id, side: "made", limit: 5, model: "none\0" } as const;
      expect((await store.calls.page(none)).calls).toEqual([]);
    });

    for (const filter of [{}, { endpoint: "/v1/chat/completions" }]) {
      test(`are paged without a last empty page, filtered by ${JSON.stringify(filter)}`, async () => {
        const account = await added();
        await store.writeLedger(entries(account, 5));
        const made = { accountId: account.id, side: "made", ...filter } as const;
        const first = await store.calls.page({ ...made, limit: 3 });
        expect(first.calls.map(({ startedAt }) => startedAt - DAY)).toEqual([4, 3, 2]);
        const second = await store.calls.page({ ...made, limit: 2, after: first.end! });
        expect(second.calls.map(({ startedAt }) => startedAt - DAY)).toEqual([1, 0]);
        expect(second.end).toBeNull();
      });
    }

    test("are counted up to a limit, and not at all where more than their time is filtered", async () => {
      const account = await added();
      await store.writeLedger(entries(account, 5));
      const made = { accountId: account.id, side: "made", limit: 4 } as const;
      const { end } = await store.calls.page({ ...made, limit: 2 });
      expect(await store.calls.count({ ...made, after: end! })).toBe(3);
      expect(await store.calls.count(made)).toBe(4);
      expect(await store.calls.count({ ...made, to: DAY + 1 })).toBe(1);
      expect(await store.calls.count({ ...made, model: "m1" })).toBeNull();
    });

    test("of a time are those from its first millisecond, without its end", async () => {
      const account = await added();
      await store.writeLedger(entries(account, 9));
      const found = async (range: { from?: number; to?: number }) => {
        const made = { accountId: account.id, side: "made", limit: 20 } as const;
        const { calls } = await store.calls.page({ ...made, ...range });
        return calls.map(({ startedAt }) => startedAt - DAY);
      };
      expect(await found({ from: DAY + 6 })).toEqual([8, 7, 6]);
      expect(await found({ to: DAY + 2 })).toEqual([1, 0]);
      expect(await found({ from: DAY + 4, to: DAY + 6 })).toEqual([5, 4]);
    });

    test("are examined 10,000 a page, and the next page goes on from there", async () => {
      const account = await added();
      const oldest = anEntry({ accountId: account.id, model: "rare", startedAt: DAY - 1 });
      await store.writeLedger([oldest]);
      for (let i = 0; i < 4; i++) {
        await store.writeLedger(
          Array.from(
            { length: 2_500 },
            (_, n) => anEntry({ accountId: account.id, startedAt: DAY + i * 2_500 + n }),
          ),
        );
      }
      const ask = { accountId: account.id, side: "made", model: "rare", limit: 5 } as const;
      const first = await store.calls.page(ask);
      expect(first.calls).toEqual([]);
      const second = await store.calls.page({ ...ask, after: first.end! });
      expect(second.calls.map(({ id }) => id)).toEqual([oldest.id]);
      expect(second.end).toBeNull();
    });

    test("are found by the accounts that made or provided them, and by no other", async () => {
      const [caller, provider, stranger] = [await added(), await added(), await added()];
      const entry = anEntry({ accountId: caller.id, providerAccountId: provider.id });
      await store.writeLedger([entry]);
      expect((await store.calls.find(caller.id, entry.id))?.id).toBe(entry.id);
      expect((await store.calls.find(provider.id, entry.id))?.id).toBe(entry.id);
      expect(await store.calls.find(stranger.id, entry.id)).toBeNull();
    });

    test("that are old are deleted, a limited number at a time", async () => {
      const account = await added();
      // Older than the calls of the other tests.
      const old = entries(account, 7, { startedAt: 1000 });
      const fresh = anEntry({ accountId: account.id, startedAt: 2000 });
      await store.writeLedger([...old, fresh]);
      expect(await store.calls.prune(2000, 5)).toBe(5);
      expect(await store.calls.prune(2000, 5)).toBe(2);
      const { calls } = await store.calls.page({ accountId: account.id, side: "made", limit: 9 });
      expect(calls.map(({ id }) => id)).toEqual([fresh.id]);
    });
  });

  describe("nodes", () => {
    const sighting = (account: AccountRow, change: Partial<NodeSighting> = {}): NodeSighting => ({
      id: `node-${crypto.randomUUID()}`,
      accountId: account.id,
      keyId: "some-key",
      name: "studio",
      agent: null,
      machine: null,
      models: ["m", "ü"],
      maxParallel: 2,
      at: DAY,
      ...change,
    });
    const nothing = { sightings: [], departures: [], events: [] };
    const event = (nodeId: string, at: number, kind = "connected") => ({
      id: crypto.randomUUID(),
      nodeId,
      at,
      kind,
      code: null,
      model: null,
      detail: null,
      until: null,
    });

    test("keep what they announced last, and how they left", async () => {
      const account = await added();
      const key = aKey(account, { kind: "node" });
      await store.keys.add(key);
      const first = sighting(account, { keyId: key.id });
      const machine = {
        os: "macOS 15.1",
        arch: "arm64",
        gpus: [{ name: "Apple M2", memory_bytes: null }],
        policy: { idle: "10m" },
      };
      const second = { ...first, name: "renamed", machine, models: ["x"], at: DAY + 5 };
      await store.nodes.write({ ...nothing, sightings: [first, second] });
      const departure = { id: first.id, at: DAY + 9, code: "lost", closeCode: 1006 };
      await store.nodes.write({ ...nothing, departures: [departure] });
      expect(await store.nodes.find(first.id)).toMatchObject({
        name: "renamed",
        machine,
        models: ["x"],
        lastSeenAt: DAY + 9,
        goneCode: "lost",
        closeCode: 1006,
      });
      expect((await store.keys.byDigest(key.digest))?.key.lastUsedAt).toBe(DAY + 5);
      await store.nodes.write({ ...nothing, sightings: [{ ...first, at: DAY + 20 }] });
      expect(await store.nodes.find(first.id))
        .toMatchObject({
          firstSeenAt: DAY + 5,
          lastSeenAt: DAY + 20,
          goneAt: null,
          goneCode: null,
        });
      expect((await store.nodes.ofAccount(account.id, 10)).map(({ id }) => id)).toEqual([first.id]);
      expect(await store.nodes.known([first.id, "unknown"])).toMatchObject([{ id: first.id }]);
    });

    test("keep the slots that they have earned, whatever they announce, until they are forgotten", async () => {
      const account = await added();
      const [first, second] = [sighting(account), sighting(account, { at: DAY + 1 })];
      const ids = [second.id, first.id];
      const stored = async () =>
        (await store.nodes.earnedSlots(5000)).filter(({ id }) => ids.includes(id));
      const earned = [{ id: first.id, slots: 8 }, { id: second.id, slots: 1 }];
      await store.nodes.write({ ...nothing, sightings: [first, second] });
      expect(await stored()).toEqual([]);
      await store.nodes.write({ ...nothing, earned: [...earned, { id: "unknown", slots: 4 }] });
      await store.nodes.write({ ...nothing, sightings: [{ ...first, maxParallel: 4 }] });
      expect(await stored()).toEqual([
        { id: second.id, slots: 1, lastSeenAt: DAY + 1 },
        { id: first.id, slots: 8, lastSeenAt: DAY },
      ]);
      await store.nodes.write({ ...nothing, earned: [{ id: first.id, slots: 16 }] });
      await store.nodes.forget(second.id, account.id);
      expect(await stored()).toEqual([{ id: first.id, slots: 16, lastSeenAt: DAY }]);
      expect(await store.nodes.find(first.id)).toMatchObject({ earnedSlots: 16 });
    });

    test("that have reconnected do not count as gone, whichever is written first", async () => {
      const node = sighting(await added(), { at: DAY + 2 });
      const departure = { id: node.id, at: DAY + 1, code: "lost", closeCode: 1006 };
      await store.nodes.write({ ...nothing, sightings: [node], departures: [departure] });
      expect(await store.nodes.find(node.id)).toMatchObject({ lastSeenAt: DAY + 2, goneAt: null });
    });

    test("that were not seen for long are gone since then, until they are seen again", async () => {
      const account = await added();
      const [unseen, seen] = [sighting(account, { at: 5 }), sighting(account, { at: 5 })];
      await store.nodes.write({ ...nothing, sightings: [unseen, seen] });
      await store.nodes.stillSeen([seen.id], { at: 9, before: 6 });
      await store.nodes.endUnseen(8);
      expect(await store.nodes.find(seen.id)).toMatchObject({ lastSeenAt: 9, goneAt: null });
      expect(await store.nodes.find(unseen.id))
        .toMatchObject({ lastSeenAt: 5, goneAt: 5, goneCode: "lost", closeCode: 1006 });
      await store.nodes.stillSeen([unseen.id], { at: 12, before: 6 });
      expect(await store.nodes.find(unseen.id))
        .toMatchObject({ lastSeenAt: 12, goneAt: null, goneCode: null });
      await store.nodes.stillSeen([unseen.id], { at: 13, before: 12 });
      expect(await store.nodes.find(unseen.id)).toMatchObject({ lastSeenAt: 12 });
    });

    test("obey their owner alone, and decisions outlive reconnecting", async () => {
      const [account, other] = [await added(), await added()];
      const node = sighting(account);
      await store.nodes.write({ ...nothing, sightings: [node] });
      expect(await store.nodes.decide(node.id, other.id, { pausedAt: 1 })).toBeNull();
      const before = await store.nodes.decidedSince(Number.MAX_SAFE_INTEGER, 10);
      await store.nodes.decide(node.id, account.id, { label: "mine", pausedAt: 7 });
      await store.nodes.write({ ...nothing, sightings: [node] });
      const { changes } = await store.nodes.decidedSince(before.now, 10);
      expect(changes).toContainEqual({
        id: node.id,
        label: "mine",
        pausedAt: 7,
        pausedUntil: null,
        drainedAt: null,
        approvedAt: null,
        at: expect.any(Number),
      });
      await store.nodes.approveAll(9);
      expect(await store.nodes.owned(node.id))
        .toMatchObject({
          approvedAt: 9,
          pausedAt: 7,
          pausedUntil: null,
          ownerEmail: account.email,
        });
    });

    test("have a timeline, newest first, of which the newest events are kept", async () => {
      const account = await added();
      const { id } = sighting(account);
      const events = Array.from({ length: 30 }, (_, i) => event(id, DAY + i));
      await store.nodes.write({ ...nothing, events: [...events, event("another", DAY)] });
      await store.nodes.trim([id], 10);
      const kept = await store.nodes.timeline(id, 100);
      expect(kept.map(({ at }) => at - DAY)).toEqual([29, 28, 27, 26, 25, 24, 23, 22, 21, 20]);
      expect(await store.nodes.timeline("another", 10)).toHaveLength(1);
      await store.nodes.prune(DAY + 25);
      expect(await store.nodes.timeline(id, 100)).toHaveLength(5);
    });

    test("by the thousand are written at once", async () => {
      const account = await added();
      const sightings = Array.from({ length: 3000 }, () => sighting(account));
      const events = sightings.map(({ id }) => event(id, DAY));
      await store.nodes.write({ ...nothing, sightings, events });
      expect(await store.nodes.ofAccount(account.id, 5000)).toHaveLength(3000);
    });
  });

  describe("administration", () => {
    test("finds accounts by a part of their e-mail address, page by page; wildcards are letters", async () => {
      const mark = crypto.randomUUID().slice(0, 8);
      const made = [];
      for (const [i, name] of ["a%b", "a_b", "axb", "axxb"].entries()) {
        made.push(await added({ email: `${name}-${mark}@example.org`, createdAt: DAY + i }));
      }
      const found = async (search: string) =>
        (await store.users.page({ search, sort: "newest", limit: 10 })).map(({ email }) =>
          email.split("-")[0]
        );
      expect(await found(`a%b-${mark}`)).toEqual(["a%b"]);
      expect(await found(`a_b-${mark}`)).toEqual(["a_b"]);
      expect(await found(mark)).toEqual(["axxb", "axb", "a_b", "a%b"]);
      const [first] = await store.users.page({ search: mark, sort: "newest", limit: 1 });
      const after = { value: first!.createdAt, id: first!.id };
      const rest = await store.users.page({ search: mark, sort: "newest", after, limit: 10 });
      expect(rest.map(({ id }) => id)).toEqual(made.slice(0, 3).reverse().map(({ id }) => id));
      const count = (query: object) => store.users.count({ search: mark, limit: 9, ...query });
      expect(await Promise.all([count({}), count({ after }), count({ limit: 2 })]))
        .toEqual([4, 3, 2]);
    });

    test("sorts accounts, each once over all pages, and finds the members of a group", async () => {
      const mark = crypto.randomUUID().slice(0, 8);
      const names = ["c", "a", "e", "b", "d"];
      for (const [i, name] of names.entries()) {
        const account = await added({
          email: `${name}-${mark}@example.org`,
          // Two and two are alike.
          totalApiCalls: Math.floor(i / 2),
          totalProvidedCalls: i,
        });
        for (const isDefault of i % 2 === 0 ? [true] : [true, false]) {
          await store.keys.add(aKey(account, { isDefault }));
        }
      }
      const all = async (sort: UserSort) => {
        const rows: UserRow[] = [];
        for (let after: UserPosition | null = null;;) {
          const query = { search: mark, sort, limit: 2, ...(after && { after }) };
          const page = await store.users.page(query);
          rows.push(...page);
          if (page.length < 2) return rows;
          after = positionIn(sort, page.at(-1)!);
        }
      };
      const letters = async (sort: UserSort) => (await all(sort)).map(({ email }) => email[0]);
      expect(await letters("email")).toEqual(["a", "b", "c", "d", "e"]);
      expect(await letters("provided")).toEqual(["d", "b", "e", "a", "c"]);
      const made = await all("made");
      expect(made.map(({ totalApiCalls }) => totalApiCalls)).toEqual([2, 1, 1, 0, 0]);
      expect(new Set(made.map(({ id }) => id)).size).toBe(5);
      expect((await all("provided")).map(({ keys }) => keys)).toEqual([1, 2, 1, 2, 1]);

      const id = crypto.randomUUID();
      const group = { id, name: id, weight: 100, membersSeeNodes: false, budget: null };
      await store.groups.add({ ...group, createdAt: DAY });
      const add = [made[0]!.id, made[3]!.id];
      await store.groups.changeMembers(id, { add, remove: [], now: DAY });
      const members = await store.users.page({ groupId: id, sort: "made", limit: 9 });
      expect(members.map((member) => member.id)).toEqual(add);
    });

    test("changes an account's role, state and limits one by one", async () => {
      const account = await added();
      await store.keys.add(aKey(account, { isDefault: false }));
      await store.users.change(account.id, { rpm: 5, models: ["m"] });
      await store.users.change(account.id, { role: "admin" });
      expect(await store.users.find(account.id)).toMatchObject({
        role: "admin",
        rpm: 5,
        models: ["m"],
        disabledAt: null,
        keys: 1,
      });
      await store.users.change(account.id, {});
      await store.users.change(account.id, { isDisabled: true, rpm: null });
      expect(await store.users.find(account.id))
        .toMatchObject({ rpm: null, models: ["m"], disabledAt: expect.any(Number) });
      expect(await store.users.find("unknown")).toBeNull();
    });

    test("sets and removes settings", async () => {
      await store.settings.set("registration", "closed");
      await store.settings.set("registration", "invite");
      await store.settings.set("default_rpm", 7);
      await store.settings.set("default_rpm", undefined);
      const all = await store.settings.all();
      expect(["registration", "default_rpm"].map((name) => all.get(name))).toEqual([
        "invite",
        undefined,
      ]);
    });

    test("lists invites with the accounts that made and used them, and revokes unused ones", async () => {
      const [maker, guest] = [await added(), anAccount()];
      const invite = (change: object = {}) => ({
        id: crypto.randomUUID(),
        digest: crypto.randomUUID(),
        note: "",
        createdAt: Date.now(),
        createdBy: maker.id,
        expiresAt: Date.now() + HOUR_MS,
        usedBy: null,
        revokedAt: null,
        ...change,
      });
      const [used, revoked] = [invite(), invite()];
      await store.invites.add(used);
      await store.invites.add(revoked);
      await store.addAccount(guest, [], used.digest);
      expect((await store.invites.revoke(revoked.id))?.id).toBe(revoked.id);
      expect(await store.invites.revoke(revoked.id)).toBeNull();
      expect(await store.invites.revoke(used.id)).toBeNull();
      await expect(store.addAccount(anAccount(), [], revoked.digest))
        .rejects.toMatchObject({ code: "invite_required" });
      const listed = await store.invites.list(0);
      expect(listed.find(({ id }) => id === used.id))
        .toMatchObject({ createdByEmail: maker.email, usedByEmail: guest.email });
    });

    test("lists audit events, newest first, page by page", async () => {
      const actor = `${crypto.randomUUID()}@example.org`;
      for (let i = 0; i < 5; i++) {
        await store.audit.add({
          id: `aud-${actor}-${i}`,
          at: DAY + Math.floor(i / 2),
          actorId: null,
          actor,
          action: i % 2 === 0 ? "key.created" : "key.revoked",
          target: "ü\0",
          detail: { i },
          address: null,
        });
      }
      const first = await store.audit.page({ actor, limit: 3 });
      expect(first.map(({ detail }) => detail.i)).toEqual([4, 3, 2]);
      const after = { at: first[2]!.at, id: first[2]!.id };
      const rest = await store.audit.page({ actor, after, limit: 3 });
      expect(rest.map(({ detail }) => detail.i)).toEqual([1, 0]);
      const other = await store.audit.page({ actor: "another", limit: 9 });
      expect(other).toEqual([]);
      const some = await store.audit.page({ actor, action: "key.revoked", limit: 9 });
      expect(some.map(({ detail }) => detail.i)).toEqual([3, 1]);
    });

    test("shares items until they expire; a claimed one is one gateway's until then, or until it is released", async () => {
      const items = store.sharedItems;
      const name = (what: string) => `${crypto.randomUUID()} ${what}`;
      const lock = name("lock");
      const first = { name: lock, value: "first", expiresAt: 10 };
      const second = { name: lock, value: "second", expiresAt: 20 };
      expect(await items.claim(first, 0)).toBe(true);
      expect(await items.claim(second, 9)).toBe(false);
      expect(await items.find(lock, 9)).toBe("first");
      expect(await items.find(lock, 10)).toBeNull();
      expect(await items.claim(second, 10)).toBe(true);
      await items.release(first);
      await items.renew({ ...first, expiresAt: 40 });
      expect(await items.find(lock, 19)).toBe("second");
      expect(await items.find(lock, 20)).toBeNull();
      await items.renew({ ...second, expiresAt: 30 });
      expect(await items.find(lock, 29)).toBe("second");
      await items.release(second);
      expect(await items.find(lock, 10)).toBeNull();

      const prefix = name("challenge ");
      await items.put({ name: `${prefix}a`, value: "1", expiresAt: 5 });
      await items.put({ name: `${prefix}b`, value: "2", expiresAt: 7 });
      await items.put({ name: `${prefix}b`, value: "3", expiresAt: Number.MAX_SAFE_INTEGER });
      expect(await items.startingWith(prefix, 5)).toEqual(new Map([[`${prefix}b`, "3"]]));
      await items.removeExpired(6);
      expect([...(await items.startingWith(prefix, 0)).keys()]).toEqual([`${prefix}b`]);
    });
  });
}

/** Groups: whose members accounts are, here and after a change on another gateway. */

import { expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { silentLog } from "../base/log.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { maySee, onlookerOf, unresolved } from "../node/audience.ts";
import { Groups } from "./groups.ts";

async function withGroups(
  work: (
    here: Groups,
    there: Groups,
    clock: FakeClock,
    account: string,
    other: string,
    store: Store,
  ) => Promise<void>,
): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "colink-groups-"));
  const store = await openStore({ databaseUrl: null, dataDir, log: silentLog });
  await store.migrate();
  const addAccount = async (email: string) => {
    const id = crypto.randomUUID();
    await store.addAccount({
      id,
      email,
      passwordHash: "",
      role: "user",
      createdAt: 0,
      disabledAt: null,
      deletedAt: null,
      rpm: null,
      models: null,
      budget: null,
      weight: null,
      totalApiCalls: 0,
      totalProvidedCalls: 0,
    }, []);
    return id;
  };
  const [account, other] = [
    await addAccount("ann@example.org"),
    await addAccount("bob@example.org"),
  ];
  const clock = new FakeClock();
  const [here, there] = [1, 2].map(() => new Groups({ store, clock, log: silentLog }));
  try {
    await Promise.all([here!.start(), there!.start()]);
    await work(here!, there!, clock, account, other, store);
  } finally {
    await Promise.all([here!.close(), there!.close()]);
    await store.close();
    rmSync(dataDir, { recursive: true });
  }
}

test("a member is known here at once, and at other gateways within five seconds", () =>
  withGroups(async (here, there, clock, account) => {
    const { id } = await here.create({ name: "Lab", weight: 2.5 });
    await here.change(id, { add: [account] });
    expect(here.groupsOf(account)).toEqual([id]);
    expect(there.groupsOf(account)).toEqual([]);
    await clock.pass(5_000);
    await there.refresh();
    expect(there.groupsOf(account)).toEqual([id]);
    expect([there.idOf("LAB"), there.partOf(account).weight, there.namesOf(account)])
      .toEqual([id, 2.5, ["Lab"]]);
    await there.change(id, { remove: [account] });
    await here.refresh();
    expect(here.groupsOf(account)).toEqual([]);
  }));

test("an account's own weight goes before those of its groups, of which the heaviest counts", () =>
  withGroups(async (here, there, _clock, account, _bob, store) => {
    const ids = [];
    for (const weight of [2, 3, 0.5]) {
      const { id } = await here.create({ name: `Lab ${weight}`, weight });
      await here.change(id, { add: [account] });
      ids.push(id);
    }
    const group = { id: ids[1]!, weight: 3 };
    expect(here.partOf(account)).toEqual({ weight: 3, group });
    await store.users.change(account, { weight: 25 });
    await there.refresh();
    expect(there.partOf(account)).toEqual({ weight: 0.25, group });
    await store.users.change(account, { weight: null });
    await there.refresh();
    expect(there.partOf(account)).toEqual({ weight: 3, group });
  }));

test("members see each other's nodes, whomever these are for, while their group is set so", () =>
  withGroups(async (here, _there, _clock, account, bob) => {
    const audience = unresolved("me");
    const isSeen = (ownerId: string) =>
      maySee(
        { who: { accountId: ownerId }, audience },
        onlookerOf({ accountId: account, role: "user" }, here),
      );
    const { id } = await here.create({ name: "Lab" });
    await here.change(id, { add: [account, bob] });
    expect([account, bob, "zoe"].map(isSeen)).toEqual([true, false, false]);
    await here.change(id, { members_see_nodes: true });
    expect([account, bob, "zoe"].map(isSeen)).toEqual([true, true, false]);
    await here.change(id, { remove: [bob] });
    expect([account, bob, "zoe"].map(isSeen)).toEqual([true, false, false]);
  }));

test("a change is reported once, and a group that is gone has nobody and weighs as an account alone", () =>
  withGroups(async (here, _there, _clock, account) => {
    const { id } = await here.create({ name: "Lab", weight: 9 });
    await here.change(id, { add: [account] });
    let changes = 0;
    here.changes.subscribe(() => changes++);
    expect(await here.remove(id)).toMatchObject({ name: "Lab", members: 1 });
    await here.refresh();
    expect(changes).toBe(1);
    expect([here.groupsOf(account), here.idOf("lab"), here.partOf(account).weight, here.list()])
      .toEqual([[], null, 1, []]);
    await expect(here.members(id)).rejects.toMatchObject({ code: "not_found" });
  }));

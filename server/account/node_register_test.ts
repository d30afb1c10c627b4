/** The register of nodes, over a real store and by a fake clock. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Budget, Budgets } from "../base/budgets.ts";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import { ColinkError } from "../base/error.ts";
import { type Log, silentLog } from "../base/log.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { anAccount } from "../store/testing/store_suite.ts";
import { NodeRegister } from "./node_register.ts";

let folder: string;
let store: Store;
let clock: FakeClock;
let needsApproval: boolean;
let isAway: boolean;
/** Called at the next write, before it succeeds or fails. */
let duringWrite: () => void;
let register: NodeRegister;
let budget: Budget;
let logged: { level: string; lines?: number }[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "colink-register-"));
  store = await openStore({ databaseUrl: null, dataDir: folder, log: silentLog });
  await store.migrate();
  await store.addAccount(anAccount({ id: "owner" }), []);
  clock = new FakeClock();
  [needsApproval, isAway] = [false, false];
  duringWrite = () => {};
  budget = new Budgets().add("remembered_nodes", { limit: 1000 });
  logged = [];
  register = registerOf(1000);
});
afterEach(async () => {
  isAway = false;
  await register.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

function registerOf(rememberedNodes: number): NodeRegister {
  return new NodeRegister({
    store: { nodes: failing(store.nodes) },
    rememberedNodes,
    budget,
    needsApproval: () => needsApproval,
    clock,
    log: {
      ...silentLog,
      warn: ({ lines }: { lines: number }) => logged.push({ level: "warn", lines }),
      error: () => logged.push({ level: "error" }),
    } as unknown as Log,
  });
}

/** The table, unless it is away. */
function failing(nodes: Store["nodes"]): Store["nodes"] {
  return new Proxy(nodes, {
    get(target, name: keyof Store["nodes"]) {
      const method = target[name] as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        if (name === "write") duringWrite();
        if (isAway) return Promise.reject(new ColinkError("store_unavailable", "it is away"));
        return method.apply(target, args);
      };
    },
  });
}

const sighting = {
  id: "node-1",
  accountId: "owner",
  keyId: "key",
  name: "studio",
  agent: null,
  machine: null,
  models: ["m"],
  maxParallel: 1,
};

/** Long enough for a write and a poll. */
async function pass(ms = 3000): Promise<void> {
  await clock.pass(ms);
  for (let i = 0; i < 20; i++) await Bun.sleep(0);
  await settle();
}

const standing = (connectedAt = 0) => register.standing({ id: "node-1", connectedAt });

test("what a node does is written in the background, in one batch", async () => {
  register.seen(sighting);
  register.addEvent("node-1", { kind: "connected" });
  register.left("node-1", "silent", 1006);
  expect(await store.nodes.find("node-1")).toBeNull();
  expect(register.goneOf("node-1")).toMatchObject({ code: "silent" });
  await pass();
  expect(await store.nodes.find("node-1")).toMatchObject({ name: "studio", goneCode: "silent" });
  expect((await store.nodes.timeline("node-1", 9)).map(({ kind }) => kind).sort())
    .toEqual(["connected", "disconnected"]);
  register.seen(sighting);
  expect(register.goneOf("node-1")).toBeNull();
});

test("the slots that a node has earned are known again after a restart, with how long it was away", async () => {
  expect(register.earnedSlots("node-1")).toBeNull();
  register.seen(sighting);
  register.hasEarned("node-1", 4);
  register.hasEarned("node-1", 8);
  register.left("node-1", "lost", 1006);
  await pass();
  await register.close();
  register = registerOf(1000);
  await register.start();
  expect(register.earnedSlots("node-1")).toEqual({ slots: 8, awayMs: 3000 });
  await clock.pass(1000);
  expect(register.earnedSlots("node-1")).toMatchObject({ awayMs: 4000 });
});

test("the slots that a node earned while the database was away are written later, the latest number", async () => {
  register.seen(sighting);
  await pass();
  isAway = true;
  register.hasEarned("node-1", 4);
  duringWrite = () => register.hasEarned("node-1", 1);
  await pass();
  isAway = false;
  await pass(5000);
  expect(await store.nodes.find("node-1")).toMatchObject({ earnedSlots: 1 });
});

test("the slots of a node that has earned nothing new are not written again", async () => {
  register.seen(sighting);
  register.hasEarned("node-1", 4);
  await pass();
  await store.nodes.write({
    sightings: [],
    departures: [],
    events: [],
    earned: [{ id: "node-1", slots: 7 }],
  });
  for (let i = 0; i < 1000; i++) register.hasEarned("node-1", 4);
  await pass();
  expect(await store.nodes.find("node-1")).toMatchObject({ earnedSlots: 7 });
});

test("a register that cannot read what nodes have earned starts all the same", async () => {
  isAway = true;
  await register.start();
  expect(register.earnedSlots("node-1")).toBeNull();
  expect(logged.filter(({ level }) => level === "warn").length).toBeGreaterThan(0);
});

test("of an account that dials under ever new identities, only so many nodes an hour are written down", async () => {
  await store.addAccount(anAccount({ id: "other" }), []);
  const dial = (id: string, accountId = "owner") => {
    register.seen({ ...sighting, id, accountId });
    register.addEvent(id, { kind: "connected" });
    register.left(id, "lost", 1006);
  };
  for (let i = 0; i < 1047; i++) dial(`node-${i}`);
  dial("node-0");
  dial("others", "other");
  expect(["node-0", "node-999", "node-1000"].map((id) => register.isRemembered(id)))
    .toEqual([true, true, false]);
  await register.close();
  const idsOf = async (accountId: string) =>
    (await store.nodes.ofAccount(accountId, 2000)).map(({ id }) => id);
  expect(await idsOf("owner")).toHaveLength(1000);
  expect(await idsOf("owner")).not.toContain("node-1000");
  expect(await idsOf("other")).toEqual(["others"]);
  expect(await store.nodes.timeline("node-1000", 9)).toEqual([]);
  expect(await store.nodes.timeline("node-0", 9)).toHaveLength(4);
  expect(register.goneOf("node-1046")).toMatchObject({ code: "lost" });
  expect(budget.refusals).toBe(47);

  await clock.pass(60 * 60_000);
  dial("node-1046");
  await register.close();
  expect(await idsOf("owner")).toContain("node-1046");
  expect(await store.nodes.timeline("node-1046", 9)).toHaveLength(2);
});

test("what is not written during an outage is written afterwards", async () => {
  isAway = true;
  register.seen(sighting);
  register.addEvent("node-1", { kind: "connected" });
  await pass();
  register.addEvent("node-1", { kind: "offer" });
  await pass();
  isAway = false;
  await pass();
  expect(await store.nodes.timeline("node-1", 9)).toHaveLength(2);
});

test("a node that reconnected is connected, and one that left again is gone", async () => {
  register.seen(sighting);
  await pass();
  register.left("node-1", "lost", 1006);
  register.seen(sighting);
  register.seen({ ...sighting, id: "node-2" });
  register.left("node-2", "lost", 1006);
  await pass();
  expect(await store.nodes.find("node-1")).toMatchObject({ goneCode: null });
  expect(await store.nodes.find("node-2")).toMatchObject({ goneCode: "lost" });
});

test("thousands of nodes that reconnect together are written a hundred at a time", async () => {
  const sizes: number[] = [];
  const write = store.nodes.write.bind(store.nodes);
  store.nodes.write = (batch) => {
    sizes.push(batch.sightings.length);
    return write(batch);
  };
  for (let i = 0; i < 1000; i++) register.seen({ ...sighting, id: `node-${i}` });
  await register.close();
  expect(sizes).toEqual(Array.from({ length: 10 }, () => 100));
  expect(await store.nodes.ofAccount("owner", 2000)).toHaveLength(1000);
});

test("closing writes what waits", async () => {
  register.seen(sighting);
  await register.close();
  expect(await store.nodes.find("node-1")).not.toBeNull();
});

test("closing waits for a write that is under way", async () => {
  const gate = Promise.withResolvers<void>();
  const write = store.nodes.write.bind(store.nodes);
  store.nodes.write = (batch) => gate.promise.then(() => write(batch));
  register.seen(sighting);
  await pass();
  let isClosed = false;
  const closed = register.close().then(() => isClosed = true);
  for (let i = 0; i < 20; i++) await Bun.sleep(0);
  expect(isClosed).toBe(false);
  gate.resolve();
  await closed;
  expect(await store.nodes.find("node-1")).not.toBeNull();
});

test("a decision on another gateway applies here within seconds, and is reported once", async () => {
  await register.start();
  register.seen(sighting);
  await pass();
  const reported: (readonly string[])[] = [];
  register.decisions.subscribe((ids) => reported.push(ids));
  await store.nodes.decide("node-1", "owner", { label: "attic", pausedAt: 5, approvedAt: 6 });
  expect(standing()).toEqual({ label: null, hold: null, heldUntil: null, isTrusted: false });
  await pass();
  expect(standing()).toEqual({ label: "attic", hold: "paused", heldUntil: null, isTrusted: true });
  // The polls overlap, and the decision is reported once all the same.
  await pass();
  expect(reported).toEqual([["node-1"]]);
});

test("a drain holds for connections from before it; a pause for all; approval comes first", () => {
  const order = {
    id: "node-1",
    label: null,
    pausedAt: null,
    pausedUntil: null,
    drainedAt: 100,
    approvedAt: null,
  };
  register.decided(order);
  expect(standing(99).hold).toBe("draining");
  expect(standing(100).hold).toBeNull();
  register.decided({ ...order, pausedAt: 50 });
  expect(standing(100).hold).toBe("paused");
  needsApproval = true;
  expect(standing(100).hold).toBe("unapproved");
  expect(register.standing({ id: "never seen", connectedAt: 0 }).hold).toBe("unapproved");
  register.decided({ ...order, approvedAt: 1 });
  expect(standing(100).hold).toBeNull();
});

test("a pause with an end ends by itself, on time, and is shown with its end", async () => {
  await register.start();
  const until = clock.now() + 3_600_000;
  const order = { id: "node-1", label: null, drainedAt: null, approvedAt: null };
  register.decided({ ...order, pausedAt: clock.now(), pausedUntil: until });
  expect(standing()).toMatchObject({ hold: "paused", heldUntil: until });
  const reported: (readonly string[])[] = [];
  register.decisions.subscribe((ids) => reported.push(ids));
  await clock.pass(3_599_000);
  expect([standing().hold, reported]).toEqual(["paused", []]);
  await clock.pass(1_000);
  expect([standing().hold, reported]).toEqual([null, [["node-1"]]]);
});

test("a pause that is ended, or made longer, before its end is not ended again then", async () => {
  const pausedAt = clock.now();
  const order = { id: "node-1", label: null, drainedAt: null, approvedAt: null };
  register.decided({ ...order, pausedAt, pausedUntil: pausedAt + 10_000 });
  register.decided({ ...order, pausedAt, pausedUntil: pausedAt + 60 * 24 * 3_600_000 });
  await clock.pass(20_000);
  expect(standing().hold).toBe("paused");
  // Longer than one timer can wait.
  await clock.pass(60 * 24 * 3_600_000);
  expect(standing().hold).toBeNull();
  register.decided({ ...order, pausedAt, pausedUntil: null });
  await clock.pass(400 * 24 * 3_600_000);
  expect(standing().hold).toBe("paused");
});

test("a timeline is regularly trimmed to its newest events", async () => {
  for (let i = 0; i < 300; i++) {
    register.addEvent("node-1", { kind: "offer", detail: String(i) });
    await clock.pass(1);
  }
  await pass();
  const lines = await store.nodes.timeline("node-1", 1000);
  expect(lines.length).toBeLessThan(260);
  expect(lines[0]).toMatchObject({ detail: "299" });
});

test("a node that leaves while its first write fails is written with its departure", async () => {
  const gate = Promise.withResolvers<void>();
  const write = store.nodes.write.bind(store.nodes);
  let writes = 0;
  store.nodes.write = async (batch) => {
    if (++writes > 1) return await write(batch);
    await gate.promise;
    throw new ColinkError("store_unavailable", "it is away");
  };
  register.seen(sighting);
  await pass();
  register.left("node-1", "lost", 1006);
  gate.resolve();
  await pass();
  expect(await store.nodes.find("node-1")).toMatchObject({ name: "studio", goneCode: "lost" });
});

test("a batch begins soon after the one before it, and never beside it", async () => {
  const gate = Promise.withResolvers<void>();
  const write = store.nodes.write.bind(store.nodes);
  const sizes: number[] = [];
  store.nodes.write = async (batch) => {
    sizes.push(batch.events.length);
    await gate.promise;
    await write(batch);
  };
  for (let i = 0; i < 401; i++) register.addEvent("node-1", { kind: "offer" });
  expect(clock.pending).toBe(1);
  await pass(250);
  register.addEvent("node-1", { kind: "offer" });
  expect(clock.pending).toBe(0);
  gate.resolve();
  await pass(0);
  await pass(20);
  await pass(20);
  expect(sizes).toEqual([200, 200, 2]);
});

test("a batch that can never be written is dropped with an error, and the next is written soon", async () => {
  const write = store.nodes.write.bind(store.nodes);
  let writes = 0;
  store.nodes.write = (batch) =>
    ++writes > 1 ? write(batch) : Promise.reject(new Error("a constraint is violated"));
  for (let i = 0; i < 201; i++) register.addEvent("node-1", { kind: "offer" });
  await pass(250);
  await pass(20);
  expect(await store.nodes.timeline("node-1", 999)).toHaveLength(1);
  expect(logged).toEqual([{ level: "error" }]);
});

test("after an outage is noticed the next try is two seconds away", async () => {
  isAway = true;
  register.addEvent("node-1", { kind: "offer" });
  await pass(250);
  isAway = false;
  await pass(1999);
  expect(await store.nodes.timeline("node-1", 9)).toEqual([]);
  await pass(1);
  expect(await store.nodes.timeline("node-1", 9)).toHaveLength(1);
});

test("what is reported after closing sets no timer", async () => {
  await register.close();
  register.addEvent("node-1", { kind: "offer" });
  expect(clock.pending).toBe(0);
});

test("of 30,000 nodes that wait the oldest are dropped, and each doubling of their number is logged", () => {
  const big = registerOf(100_000);
  const seen = (from: number, to: number) => {
    for (let i = from; i < to; i++) big.seen({ ...sighting, id: `node-${i}` });
  };
  seen(0, 30_000);
  expect(logged).toEqual([]);
  seen(30_000, 30_009);
  expect(logged.map(({ lines }) => lines)).toEqual([1, 2, 4, 8]);
});

import { beforeEach, expect, test } from "bun:test";
import type { ShareWith } from "../protocol/mod.ts";
import { Audiences } from "./audiences.ts";
import { Emitter } from "./base/emitter.ts";
import { silentLog } from "./base/log.ts";
import { FakeClock } from "./base/testing/fake_clock.ts";
import { Hub } from "./node/hub.ts";
import { Node } from "./node/node.ts";

let clock: FakeClock;
let hub: Hub;
let groups: Map<string, string>;
let emails: Map<string, string>;
let lookups: number;
let warnings: string[];
const changes = new Emitter();

beforeEach(() => {
  clock = new FakeClock();
  groups = new Map([["lab", "grp_1"]]);
  emails = new Map([["ann@example.com", "ann"]]);
  [lookups, warnings] = [0, []];
  const audiences = new Audiences({
    users: {
      idsByEmail: (asked) => {
        lookups++;
        const found = asked.flatMap((email) => {
          const id = emails.get(email);
          return id === undefined ? [] : [{ email, id }];
        });
        return Promise.resolve(found);
      },
    },
    groups: { idOf: (name) => groups.get(name.toLowerCase()) ?? null, changes },
    clock,
    log: silentLog,
    warn: (_, text) => void warnings.push(text),
  });
  hub = new Hub({ audienceOf: (node) => audiences.of(node) });
  audiences.start(hub);
});

function join(shareWith: ShareWith): Node {
  const who = { publicId: "n", nodeKey: "key/n", accountId: "owner", keyId: "key" };
  const offer = { name: "n", agent: null, maxParallel: 1, models: ["m"], shareWith };
  const node = new Node(who, offer, { start: () => null, close() {} }, 0);
  hub.add(node);
  return node;
}

const ids = ({ audience }: Node) => [...audience.groups.keys(), ...audience.accounts.keys()];

test("names stand for groups at once, in any case, and for accounts in a moment; several nodes ask once", async () => {
  const node = join(["group:Lab", "user:Ann@Example.com", "user:nobody@example.com"]);
  expect(ids(node)).toEqual(["grp_1"]);
  await clock.pass(1);
  expect(ids(node)).toEqual(["grp_1", "ann"]);
  expect(node.audience.groups.get("grp_1")).toBe("group:Lab");
  expect(lookups).toBe(1);
});

test("a group that does not exist matches no one, and its node is warned once; an account that does not exist is reported to no one", async () => {
  const node = join(["group:choir", "user:nobody@example.com"]);
  await clock.pass(1);
  expect(ids(node)).toEqual([]);
  expect(warnings).toEqual([
    "share_with names groups that do not exist here, and match no call: group:choir",
  ]);
  groups.set("choir", "grp_2");
  changes.emit();
  expect(ids(node)).toEqual(["grp_2"]);
  groups.delete("choir");
  changes.emit();
  expect(ids(node)).toEqual([]);
  expect(warnings).toHaveLength(2);
});

test("an account that is made, or deleted, is found within half a minute", async () => {
  const node = join(["user:bob@example.com"]);
  await clock.pass(1);
  expect(ids(node)).toEqual([]);
  emails.set("bob@example.com", "bob");
  await clock.pass(30_000);
  expect(ids(node)).toEqual(["bob"]);
  emails.delete("bob@example.com");
  await clock.pass(30_001);
  expect(ids(node)).toEqual([]);
});

test("a node for everyone, or for its owner, costs no lookup", async () => {
  expect(join("everyone").audience.isForEveryone).toBe(true);
  expect(join("me").audience.isForEveryone).toBe(false);
  await clock.pass(1);
  expect(lookups).toBe(0);
});

test("however often nodes name other addresses, they are looked up once a second", async () => {
  const node = join(["user:a0@example.com"]);
  for (let i = 1; i <= 30; i++) {
    await clock.pass(100);
    emails.set(`a${i}@example.com`, `a${i}`);
    hub.update(node, { ...node.offer, shareWith: [`user:a${i}@example.com`] });
  }
  expect(lookups).toBeLessThanOrEqual(4);
  await clock.pass(1_000);
  expect(ids(node)).toEqual(["a30"]);
});

test("a node that names ever other groups is warned five times a minute", async () => {
  const node = join(["group:g0"]);
  for (let i = 1; i <= 30; i++) {
    hub.update(node, { ...node.offer, shareWith: [`group:g${i}`] });
    await clock.pass(100);
  }
  expect(warnings).toHaveLength(5);
  await clock.pass(60_000);
  hub.update(node, { ...node.offer, shareWith: ["group:other"] });
  expect(warnings).toHaveLength(6);
});

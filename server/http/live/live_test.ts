/** Live changes by a fake clock: what is sent, to whom, how often, and what is sent again. */

import { beforeEach, expect, test } from "bun:test";
import type { Visitor } from "../../account/session_book.ts";
import { FakeClock, settle } from "../../base/testing/fake_clock.ts";
import { silentLog } from "../../base/log.ts";
import { Hub } from "../../node/hub.ts";
import { Node } from "../../node/node.ts";
import { PenaltyBook } from "../../node/penalty.ts";
import { anEntry } from "../../store/testing/store_suite.ts";
import type { AuditLogEntry } from "./audit_feed.ts";
import { Live } from "./live.ts";

let clock: FakeClock;
let hub: Hub;
let penalties: PenaltyBook;
let alive: Set<string>;
let auditEvents: AuditLogEntry[];
let live: Live;
/** Accounts that are watched at another gateway, and the events sent there. */
let watchedElsewhere: Set<string>;
let sentToPeers: string[];
let reportedWatches: [accountId: string, isWatched: boolean][];

beforeEach(() => {
  clock = new FakeClock();
  hub = new Hub();
  penalties = new PenaltyBook(clock, { penaltyMs: 60_000, penaltyMaxMs: 600_000 });
  alive = new Set(["session"]);
  [watchedElsewhere, sentToPeers, reportedWatches] = [new Set(), [], []];
  auditEvents = [];
  live = new Live({
    hub,
    penalties,
    clock,
    log: silentLog,
    running: () => 3,
    waiting: () => 1,
    alive: (ids) => Promise.resolve(new Set(ids.filter((id) => alive.has(id)))),
    auditEvents: () => Promise.resolve(auditEvents),
    goneOf: () => null,
    peers: {
      watch: (...watch) => void reportedWatches.push(watch),
      isWatched: (accountId) => watchedElsewhere.has(accountId),
      tell: (accountId, name) => void (watchedElsewhere.has(accountId) && sentToPeers.push(name)),
    },
  });
});

function visitor(accountId: string): Visitor {
  const role = accountId === "admin" ? "admin" : "user";
  return { accountId, email: "a@example.org", role, sessionId: "session" };
}

function join(id: string, accountId = "owner"): Node {
  const who = { publicId: id, nodeKey: `key/${id}`, accountId, keyId: "key" };
  const offer = { name: id, agent: null, maxParallel: 2, models: ["m"] };
  const node = new Node(who, offer, { start: () => null, close() {} }, 0);
  hub.add(node);
  return node;
}

interface ReceivedEvent {
  id: string | undefined;
  name: string;
  data: unknown;
}

/** Opens a stream; `received` has its events so far. */
function listen(accountId: string, lastEventId?: string) {
  const received: ReceivedEvent[] = [];
  let isOver = false;
  const stream = live.open({
    visitor: visitor(accountId),
    topics: new Set(["network", "nodes", "calls", "changes"]),
    ...(lastEventId === undefined ? {} : { lastEventId }),
  });
  const reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  let rest = "";
  const read = async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      rest += new TextDecoder().decode(value);
      const blocks = rest.split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
        const name = field("event");
        if (name !== undefined) {
          received.push({ id: field("id"), name, data: JSON.parse(field("data") ?? "null") });
        }
      }
    }
    isOver = true;
  };
  void read();
  return {
    received,
    names: () => received.map(({ name }) => name),
    isOver: () => isOver,
    leave: () => reader.cancel(),
  };
}

async function tick(): Promise<void> {
  await clock.pass(1000);
  for (let i = 0; i < 5; i++) await Bun.sleep(0);
  await settle();
}

test("a node's running calls are sent as a number, and any other change as the whole node", async () => {
  const node = join("n");
  const { received, names } = listen("owner");
  await tick();
  expect(names()).toEqual(["snapshot"]);
  node.active = 1;
  await tick();
  expect(received.at(-1)).toMatchObject({ name: "load", data: { n: 1 } });
  node.hold = "paused";
  await tick();
  expect(received.at(-1)).toMatchObject({ name: "node", data: { state: "paused", mine: true } });
  penalties.penalize("key/n", { model: null, code: "node_lost", reason: "it was lost" });
  await tick();
  expect(received.at(-1)).toMatchObject({
    name: "node",
    data: { penalties: [{ code: "node_lost" }] },
  });
  await tick();
  expect(names()).toEqual(["snapshot", "load", "node", "node"]);
});

test("calls of a busy account are sent at twenty a second, and all of them counted", async () => {
  const { received, names } = listen("me");
  const stranger = listen("stranger");
  for (let i = 0; i < 50; i++) live.callEnded(anEntry({ accountId: "me", promptTokens: 2 }));
  await tick();
  expect(names().filter((name) => name === "call")).toHaveLength(20);
  expect(received.at(-1)).toMatchObject({
    name: "usage",
    data: [{ calls: 50, prompt_tokens: 100 }],
  });
  expect(stranger.names()).toEqual(["snapshot"]);
});

test("calls of an account that is watched at another gateway are sent and counted there", async () => {
  live.callEnded(anEntry({ accountId: "me" }));
  expect(clock.pending).toBe(0);
  watchedElsewhere.add("me");
  for (let i = 0; i < 50; i++) live.callEnded(anEntry({ accountId: "me" }));
  await tick();
  expect(sentToPeers).toEqual([...Array(20).fill("call"), "usage"]);
});

test("events from another gateway are sent here, within the same limits, and not back", async () => {
  live.peerReported("me", "call", "{}");
  const { names } = listen("me");
  expect(reportedWatches).toEqual([["me", true]]);
  watchedElsewhere.add("me");
  for (let i = 0; i < 50; i++) live.peerReported("me", "call", "{}");
  live.peerReported("me", "usage", "[]");
  await tick();
  expect(names()).toEqual(["snapshot", ...Array(20).fill("call"), "usage"]);
  expect(sentToPeers).toEqual([]);
});

test("a browser that dials again with its last event gets what it missed, once", async () => {
  const first = listen("me");
  await tick();
  const lastId = first.received.at(-1)!.id!;
  await first.leave();
  join("late");
  live.callEnded(anEntry({ accountId: "me" }));
  live.callEnded(anEntry({ accountId: "someone" }));
  await tick();
  const { names } = listen("me", lastId);
  await tick();
  expect(names().filter((name) => name !== "network")).toEqual(["call", "node", "usage"]);
});

test("a browser that dials again much later begins with a snapshot", async () => {
  const first = listen("me");
  await tick();
  const lastId = first.received.at(-1)!.id!;
  await first.leave();
  for (let i = 0; i < 40; i++) await tick();
  const { names } = listen("me", lastId);
  await tick();
  expect(names()).toEqual(["snapshot"]);
});

test("an account without streams is forgotten, whatever others there are", async () => {
  const me = listen("me");
  const other = listen("other");
  await tick();
  const lastId = me.received.at(-1)!.id!;
  await me.leave();
  for (let i = 0; i < 40; i++) await tick();
  const before = other.received.length;
  live.callEnded(anEntry({ accountId: "me" }));
  const { names } = listen("me", lastId);
  await tick();
  expect(names()).toEqual(["snapshot"]);
  expect(other.received).toHaveLength(before);
});

test("without streams nothing is watched, and calls cost nothing", async () => {
  const { leave } = listen("me");
  await tick();
  await leave();
  for (let i = 0; i < 40; i++) await tick();
  expect(clock.pending).toBe(0);
  expect(reportedWatches.at(-1)).toEqual(["me", false]);
});

test("a session that was ended at another gateway ends its stream within seconds", async () => {
  const { names, isOver } = listen("me");
  await tick();
  alive.clear();
  for (let i = 0; i < 4; i++) await tick();
  expect(names().at(-1)).toBe("session_over");
  expect(isOver()).toBe(true);
});

test("streams end with the gateway, and no more are opened", async () => {
  const { isOver } = listen("me");
  await tick();
  live.close();
  for (let i = 0; i < 5; i++) await Bun.sleep(0);
  expect(isOver()).toBe(true);
  expect(() => listen("me")).toThrow("restarting");
});

test("audit events are sent within three seconds: to the account its own, to administrators the rest", async () => {
  auditEvents = [{ id: "before", actorId: "someone", action: "key.created" }];
  const [own, other, admin] = [listen("someone"), listen("other"), listen("admin")];
  await tick();
  auditEvents = [
    { id: "new", actorId: "someone", action: "key.revoked" },
    { id: "newer", actorId: null, action: "session.refused" },
    { id: "newest", actorId: "away", action: "settings.changed" },
    ...auditEvents,
  ];
  for (let i = 0; i < 6; i++) await tick();
  const changes = ({ received }: ReturnType<typeof listen>) =>
    received.filter(({ name }) => name === "changed").map(({ data }) => data);
  expect(changes(own)).toEqual([{ what: ["keys"] }]);
  expect(changes(other)).toEqual([]);
  expect(changes(admin)).toEqual([{ what: ["audit", "users", "settings"] }]);
});

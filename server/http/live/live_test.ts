/** Live changes by a fake clock: what is sent, to whom, how often, and what is sent again. */

import { beforeEach, expect, test } from "bun:test";
import type { LiveTopic, NodeGone } from "../../../api/mod.ts";
import type { Visitor } from "../../account/session_book.ts";
import { FakeClock, settle } from "../../base/testing/fake_clock.ts";
import { silentLog } from "../../base/log.ts";
import { Hub } from "../../node/hub.ts";
import { GroupBook, testAudienceOf } from "../../node/testing/group_book.ts";
import { Node, type NodeHold } from "../../node/node.ts";
import { PenaltyBook } from "../../node/penalty.ts";
import { anEntry } from "../../store/testing/store_suite.ts";
import type { AuditLogEntry } from "./audit_feed.ts";
import { Live } from "./live.ts";

let clock: FakeClock;
let hub: Hub;
let groups: GroupBook;
let holds: Map<string, NodeHold>;
let penalties: PenaltyBook;
let alive: Set<string>;
let isStoreUp: boolean;
let goneOf: (nodeId: string) => NodeGone | null;
let auditEvents: AuditLogEntry[];
let live: Live;
/** Accounts that are watched at another gateway, and the events sent there. */
let watchedElsewhere: Set<string>;
let sentToPeers: string[];
let reportedWatches: [accountId: string, isWatched: boolean][];

beforeEach(() => {
  clock = new FakeClock();
  holds = new Map();
  groups = new GroupBook();
  hub = new Hub({
    audienceOf: testAudienceOf,
    standingOf: ({ who }) => ({ label: null, hold: holds.get(who.publicId) ?? null }),
  });
  penalties = new PenaltyBook(clock, { penaltyMs: 60_000, penaltyMaxMs: 600_000 });
  alive = new Set(["session"]);
  [watchedElsewhere, sentToPeers, reportedWatches] = [new Set(), [], []];
  auditEvents = [];
  [isStoreUp, goneOf] = [true, () => null];
  const read = <T>(rows: T) =>
    isStoreUp ? Promise.resolve(rows) : Promise.reject(new Error("away"));
  live = new Live({
    listing: {
      isListed: (model, groups) =>
        model.startsWith("lab-") ? groups.includes("lab") : !model.startsWith("hidden"),
      listingOf: () => "",
      revision: 0,
    },
    hub,
    penalties,
    memberships: groups,
    clock,
    log: silentLog,
    running: () => 3,
    waiting: () => 1,
    alive: (ids) => read(new Set(ids.filter((id) => alive.has(id)))),
    auditEvents: () => read(auditEvents),
    goneOf: (id) => goneOf(id),
    peers: {
      watch: (...watch) => void reportedWatches.push(watch),
      isWatched: (accountId) => watchedElsewhere.has(accountId),
      tell: (accountId, name) => void (watchedElsewhere.has(accountId) && sentToPeers.push(name)),
    },
  });
});

function visitor(accountId: string, sessionId = "session"): Visitor {
  const role = accountId === "admin" ? "admin" : "user";
  return { accountId, email: "a@example.org", role, sessionId, isOfProvider: false };
}

function join(id: string, accountId = "owner", models = ["m"]): Node {
  const who = { publicId: id, nodeKey: `key/${id}`, accountId, keyId: "key" };
  const offer = { name: id, agent: null, maxParallel: 2, models };
  const node = new Node(who, offer, { start: () => null, close() {} }, 0);
  hub.add(node);
  return node;
}

/** As long as a node may make itself. */
const MANY = Array.from({ length: 1000 }, (_, i) => `${"n".repeat(190)}-${i}`);
const MANY_HIDDEN = MANY.map((model) => `hidden-${model}`);

interface ReceivedEvent {
  id: string | undefined;
  name: string;
  data: unknown;
}

interface Listening {
  lastEventId?: string;
  topics?: LiveTopic[];
  sessionId?: string;
}

/** Opens a stream; `received` has its events so far. */
function listen(
  accountId: string,
  { lastEventId, topics = ["network", "nodes", "calls", "changes"], sessionId }: Listening = {},
) {
  const received: ReceivedEvent[] = [];
  let isOver = false;
  const stream = live.open({
    visitor: visitor(accountId, sessionId),
    topics: new Set(topics),
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
  hub.use(node, 1);
  await tick();
  expect(received.at(-1)).toMatchObject({ name: "load", data: { n: 1 } });
  holds.set("n", "paused");
  hub.review(node);
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

test("changes of a node name models that lists leave out to its owner and to administrators alone", async () => {
  const node = join("n", "owner", ["m", "hidden"]);
  const readers = ["owner", "admin", "other"].map((accountId) => listen(accountId));
  await tick();
  holds.set("n", "paused");
  hub.review(node);
  await tick();
  const models = readers.map(({ received }) => {
    const [{ data: snapshot }, { data: change }] = received as unknown as [
      { data: { nodes: [{ supported_models: string[] }] } },
      { data: { supported_models: string[] } },
    ];
    return [snapshot.nodes[0].supported_models, change.supported_models];
  });
  const both = ["m", "hidden"];
  expect(models).toEqual([[both, both], [both, both], [["m"], ["m"]]]);
});

test("changes of a node name a group's model to the group's members, also to one who missed them", async () => {
  groups.put("member", "lab");
  groups.put("neighbour", "library");
  const node = join("n", "owner", ["m", "lab-1", "hidden"]);
  const [member, ...others] = ["member", "neighbour", "other"].map((name) => listen(name));
  await tick();
  const lastEventId = member!.received.at(-1)!.id!;
  holds.set("n", "paused");
  hub.review(node);
  await tick();
  const models = ({ received }: typeof member & object) =>
    (received.at(-1)!.data as { supported_models: string[] }).supported_models;
  expect(models(member!)).toEqual(["m", "lab-1"]);
  expect(others.map(models)).toEqual([["m"], ["m"]]);
  const late = listen("member", { lastEventId });
  await tick();
  expect(models(late)).toEqual(["m", "lab-1"]);
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
  const { names } = listen("me", { lastEventId: lastId });
  await tick();
  expect(names().filter((name) => name !== "network")).toEqual(["call", "node", "usage"]);
});

test("a browser that dials again much later begins with a snapshot", async () => {
  const first = listen("me");
  await tick();
  const lastId = first.received.at(-1)!.id!;
  await first.leave();
  for (let i = 0; i < 40; i++) await tick();
  const { names } = listen("me", { lastEventId: lastId });
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
  const { names } = listen("me", { lastEventId: lastId });
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

test("a node that leaves is reported with the end of its connection, or as lost", async () => {
  const [known, unknown] = [join("known"), join("unknown")];
  goneOf = (id) => id === "known" ? { at: 5, code: "closed", close_code: 1000 } : null;
  const { received } = listen("me");
  hub.remove(known);
  hub.remove(unknown);
  await tick();
  const gone = received.filter(({ name }) => name === "node_gone").map(({ data }) => data);
  expect(gone).toEqual([
    { id: "known", name: "known", gone: { at: 5, code: "closed", close_code: 1000 } },
    { id: "unknown", name: "unknown", gone: { at: clock.now(), code: "lost", close_code: 1006 } },
  ]);
});

test("the network's numbers are sent when they change, to everybody", async () => {
  const [me, other] = [listen("me"), listen("other")];
  join("n");
  await tick();
  await tick();
  const network = { nodes: 1, models: 1, running: 2, waiting: 1 };
  for (const { received } of [me, other]) {
    expect(received.filter(({ name }) => name === "network").map(({ data }) => data))
      .toEqual([network]);
  }
});

test("a stream has the events of its topics only, and its snapshot has nodes only with theirs", async () => {
  join("n");
  const all = listen("me");
  const network = listen("me", { topics: ["network"] });
  await tick();
  expect(all.received[0]!.data).toHaveProperty("nodes");
  expect(network.received[0]!.data).not.toHaveProperty("nodes");
  join("late");
  live.callEnded(anEntry({ accountId: "me" }));
  await tick();
  expect(all.names()).toEqual(["snapshot", "call", "node", "network", "usage"]);
  expect(network.names()).toEqual(["snapshot", "network"]);
});

test("a call is sent to the account that made it and to the one that provided it, each its own side", async () => {
  const mine = join("mine", "provider");
  const [caller, provider] = [listen("caller"), listen("provider")];
  const attempt = (node: string) => ({ node, startMs: 0, durationMs: 1, end: "ok" });
  live.callEnded(anEntry({
    accountId: "caller",
    providerAccountId: "provider",
    keyId: "key",
    attemptLog: [attempt("elsewhere"), attempt(mine.who.publicId)],
  }));
  await tick();
  const call = ({ received }: ReturnType<typeof listen>) =>
    received.find(({ name }) => name === "call")!.data as { attempts: unknown[] };
  expect(call(caller)).toMatchObject({ side: "made", key_id: "key" });
  expect(call(caller).attempts).toHaveLength(2);
  expect(call(provider)).toMatchObject({ side: "provided", key_id: null });
  expect(call(provider).attempts).toMatchObject([{ node: "mine", node_name: "mine" }]);
});

test("a session that ends at this gateway ends its streams at once, and no other", async () => {
  const [me, other] = [listen("me"), listen("other", { sessionId: "another" })];
  alive.add("another");
  await tick();
  live.sessionsEnded(["session"]);
  await tick();
  expect(me.names().at(-1)).toBe("session_over");
  expect([me.isOver(), other.isOver()]).toEqual([true, false]);
});

test("a stream begins with the time after which to dial again", async () => {
  const reader = live.open({ visitor: visitor("me"), topics: new Set() }).getReader();
  const { value } = await reader.read() as { value: Uint8Array };
  expect(new TextDecoder().decode(value)).toStartWith("retry: 2000\n\n");
});

test("an account has twenty streams at most, the gateway two thousand", async () => {
  const streams = Array.from({ length: 20 }, () => listen("me"));
  expect(() => listen("me")).toThrow("too many pages");
  await streams[0]!.leave();
  await tick();
  listen("me");
  expect(() => listen("me")).toThrow("too many pages");
  for (let i = 20; i < 2_000; i++) listen(`account ${i}`);
  expect(() => listen("one more")).toThrow("too many pages");
});

test("a database that is away ends no stream, and its changes are sent when it is back", async () => {
  const { names, isOver } = listen("admin");
  await tick();
  const before = auditEvents;
  isStoreUp = false;
  for (let i = 0; i < 6; i++) await tick();
  expect(isOver()).toBe(false);
  isStoreUp = true;
  auditEvents = [{ id: "new", actorId: null, action: "settings.changed" }, ...before];
  for (let i = 0; i < 3; i++) await tick();
  expect(names()).toEqual(["snapshot", "changed"]);
});

test("nodes that are too long for a snapshot are left out of it, and the stream lives", async () => {
  for (let i = 0; i < 4; i++) join(`hoarder-${i}`, "hoarder", MANY);
  const { received, isOver } = listen("me");
  await tick();
  expect(received[0]!.name).toBe("snapshot");
  expect(received[0]!.data).not.toHaveProperty("nodes");
  join("late");
  await tick();
  expect(received.find(({ name }) => name === "node")!.data).toMatchObject({ id: "late" });
  expect(isOver()).toBe(false);
});

for (
  const [kind, models] of [["long nodes", MANY], [
    "long nodes of hidden models",
    MANY_HIDDEN,
  ]] as const
) {
  test(`of ${kind} that change together an account's follow one by one, and others' at once`, async () => {
    const { received, isOver } = listen("me");
    await tick();
    for (let i = 0; i < 3; i++) join(`hoarder-${i}`, "hoarder", models);
    join("late");
    const sent = () =>
      received.filter(({ name }) => name === "node").map(({ data }) => (data as { id: string }).id);
    await tick();
    expect(sent()).toEqual(["hoarder-0", "late"]);
    await tick();
    await tick();
    expect(sent()).toEqual(["hoarder-0", "late", "hoarder-1", "hoarder-2"]);
    expect(isOver()).toBe(false);
  });
}

test("what happens to a node that is not for everyone shows to those whom it is for alone", async () => {
  groups.put("member", "lab");
  const node = join("n");
  const streams = ["owner", "member", "stranger", "admin"].map((name) =>
    listen(name, { topics: ["nodes"] })
  );
  await tick();
  const take = () => streams.map(({ received }) => received.splice(0).map(({ name }) => name));
  take();
  hub.update(node, { ...node.offer, shareWith: ["group:lab"] });
  await tick();
  expect(take()).toEqual([["node"], ["node"], ["node_gone"], ["node"]]);
  hub.load(node, 1);
  await tick();
  expect(take()).toEqual([["load"], ["load"], [], ["load"]]);
  hub.remove(node);
  await tick();
  expect(take()).toEqual([["node_gone"], ["node_gone"], [], ["node_gone"]]);
  hub.add(node);
  const late = listen("stranger", { topics: ["nodes"] });
  await tick();
  expect(JSON.stringify(late.received)).not.toContain('"n"');
});

/** The other gateways' nodes, also when messages or Redis were lost. */

import { beforeEach, describe, expect, test } from "bun:test";
import { silentLog } from "../base/log.ts";
import { settle } from "../base/testing/fake_clock.ts";
import type { NodeList, Presence } from "./bus.ts";
import { Follower } from "./follower.ts";
import { record } from "./testing/record.ts";

/** What Redis has of each gateway. */
let lists: Map<string, NodeList>;
let reads: string[];
/** Delays the next readings until it is called. */
let hold: { promise: Promise<void>; resolve: () => void } | null;
let isAway: boolean;
let events: string[];
let follower: Follower;

beforeEach(() => {
  lists = new Map();
  [reads, events] = [[], []];
  [hold, isAway] = [null, false];
  follower = new Follower({
    bus: {
      async read(id) {
        reads.push(id);
        if (isAway) throw new Error("away");
        const list = lists.get(id) ?? { seq: 0, nodes: [] };
        await hold?.promise;
        return list;
      },
    },
    log: silentLog,
    onNode: ({ who }) => void events.push(`+${who.id}`),
    onGone: (id) => void events.push(`-${id}`),
  });
});

/** A heartbeat whose reply has these gateways, with their sequence numbers. */
async function beat(seqs: Record<string, number>, kept: string[] = []): Promise<void> {
  const others = Object.entries(seqs).map(([id, seq]): [string, Presence] => [
    id,
    { id, url: "http://x", version: "1", seq, isDraining: false, nodes: 0 },
  ]);
  follower.reconcile(new Map(others), (id) => kept.includes(id));
  await settle();
}

async function receive(from: string, seq: number, put: string[], gone: string[] = []) {
  const change = { seq, put: put.map((id) => record(id)), gone };
  follower.receive({ is: "nodes", from, change });
  await settle();
}

function store(gateway: string, seq: number, ...ids: string[]): void {
  lists.set(gateway, { seq, nodes: ids.map((id) => record(id)) });
}

function nodes(gateway: string): string[] {
  return [...follower.nodesOf(gateway)].map(({ who }) => who.id).sort();
}

describe("the nodes of a gateway", () => {
  test("are read once, and then follow its messages", async () => {
    store("gw", 4, "a");
    expect(follower.hasRead("gw")).toBe(false);
    await beat({ gw: 4 });
    expect(follower.hasRead("gw")).toBe(true);
    await receive("gw", 5, ["b"], ["a"]);
    await receive("gw", 6, ["b"], ["never there"]);
    await beat({ gw: 6 });
    expect(nodes("gw")).toEqual(["b"]);
    expect(reads).toEqual(["gw"]);
    expect(events).toEqual(["+a", "+b", "-a", "+b"]);
  });

  test("are not changed by an old message that arrives late, nor by the same one again", async () => {
    store("gw", 4, "a");
    await beat({ gw: 4 });
    await receive("gw", 4, ["z"]);
    await receive("gw", 3, ["z"], ["a"]);
    expect(nodes("gw")).toEqual(["a"]);
    expect(reads).toEqual(["gw"]);
  });

  test("are known as read also where there are none", async () => {
    await beat({ gw: 0 });
    await beat({ gw: 0 });
    expect(follower.hasRead("gw")).toBe(true);
    expect(reads).toEqual(["gw"]);
  });

  test("are not followed before its first heartbeat is known", async () => {
    await receive("gw", 1, ["a"]);
    expect(nodes("gw")).toEqual([]);
    expect([reads, follower.hasRead("gw")]).toEqual([[], false]);
  });

  test("are read again when a message is missing before the next one", async () => {
    await beat({ gw: 0 });
    store("gw", 3, "a", "c");
    await receive("gw", 3, ["c"]);
    expect(nodes("gw")).toEqual(["a", "c"]);
    expect(reads).toHaveLength(2);
  });

  test("are read again when two heartbeats in a row are ahead of the messages", async () => {
    await beat({ gw: 0 });
    store("gw", 1, "a");
    await beat({ gw: 1 });
    // The message may still be on its way.
    expect(reads).toHaveLength(1);
    await beat({ gw: 1 });
    expect(nodes("gw")).toEqual(["a"]);
    expect(reads).toHaveLength(2);
  });

  test("are not read again for lags that end in time, however many there are", async () => {
    await beat({ gw: 0 });
    for (let seq = 1; seq <= 5; seq++) {
      await beat({ gw: seq });
      await receive("gw", seq, [`n${seq}`]);
      await beat({ gw: seq });
    }
    expect(reads).toHaveLength(1);
    expect(nodes("gw")).toHaveLength(5);
  });

  test("are read again when something changes while they are read", async () => {
    hold = Promise.withResolvers<void>();
    store("gw", 1, "a");
    await beat({ gw: 1 });
    store("gw", 2, "a", "b");
    await receive("gw", 2, ["b"]);
    expect(reads).toHaveLength(1);
    hold.resolve();
    await settle();
    expect(nodes("gw")).toEqual(["a", "b"]);
    expect(reads).toHaveLength(2);
    await receive("gw", 3, ["c"]);
    expect(nodes("gw")).toEqual(["a", "b", "c"]);
  });

  test("are read again after messages may have been lost, and what is gone is reported", async () => {
    store("gw", 1, "a", "b");
    store("gw-2", 1, "x");
    await beat({ gw: 1, "gw-2": 1 });
    events.length = reads.length = 0;
    store("gw", 5, "b", "c");
    follower.rereadAll();
    await settle();
    expect(reads).toEqual(["gw", "gw-2"]);
    expect(nodes("gw")).toEqual(["b", "c"]);
    expect(events).toEqual(["+b", "+c", "-a"]);
  });

  test("are not those that somebody has put back into Redis: a record counts by its own number", async () => {
    const list = (seq: number, ...records: [id: string, writtenAt: number][]) => {
      const nodes = records.map(([id, writtenAt]) => ({
        ...record(id, writtenAt),
        seq: writtenAt,
      }));
      lists.set("gw", { seq, nodes });
    };
    list(3, ["a", 3], ["b", 1]);
    await beat({ gw: 3 });
    await receive("gw", 4, [], ["b"]);
    // The node that has left, and an earlier state of the one that stays.
    list(4, ["a", 2], ["b", 1]);
    follower.rereadAll();
    await settle();
    expect(nodes("gw")).toEqual([]);
    list(5, ["a", 5], ["b", 1]);
    follower.rereadAll();
    await settle();
    expect(nodes("gw")).toEqual(["a"]);
    list(6, ["a", 5], ["b", 1], ["c", 6]);
    follower.rereadAll();
    await settle();
    expect([...follower.nodesOf("gw")].map(({ who, sinceMs }) => [who.id, sinceMs]))
      .toEqual([["a", 5], ["c", 6]]);
  });

  test("stay while the gateway writes them again in parts; what is not in the whole list has left", async () => {
    store("gw", 3, "a", "b", "c");
    await beat({ gw: 3 });
    lists.set("gw", { seq: 5, nodes: [record("a")], hasMore: true });
    follower.rereadAll();
    await settle();
    expect([nodes("gw"), follower.hasRead("gw")]).toEqual([["a", "b", "c"], false]);
    const change = { seq: 6, put: [record("d")], gone: [], hasMore: true as const };
    follower.receive({ is: "nodes", from: "gw", change });
    await settle();
    expect([nodes("gw"), reads.length]).toEqual([["a", "b", "c", "d"], 2]);
    store("gw", 7, "a", "b", "d");
    await receive("gw", 7, ["b"]);
    expect([nodes("gw"), reads.length]).toEqual([["a", "b", "d"], 3]);
    expect(follower.hasRead("gw")).toBe(true);
    expect(events.filter((event) => event.startsWith("-"))).toEqual(["-c"]);
  });

  test("are not replaced by an older list, which a Redis that has lost data returns", async () => {
    store("gw", 4, "a");
    await beat({ gw: 4 });
    for (const [seq, ...ids] of [[0], [3, "z"]] as const) {
      store("gw", seq, ...ids);
      follower.rereadAll();
      await settle();
      expect(nodes("gw")).toEqual(["a"]);
    }
    await beat({ gw: 4 });
    await receive("gw", 5, ["b"]);
    expect(nodes("gw")).toEqual(["a", "b"]);
    store("gw", 5, "b");
    follower.rereadAll();
    await settle();
    expect(nodes("gw")).toEqual(["b"]);
  });

  test("are kept while Redis is away, and read when it is back", async () => {
    store("gw", 1, "a");
    await beat({ gw: 1 });
    isAway = true;
    follower.rereadAll();
    await settle();
    expect(nodes("gw")).toEqual(["a"]);
    [isAway, reads.length] = [false, 0];
    store("gw", 2, "a", "b");
    await beat({ gw: 2 });
    await beat({ gw: 2 });
    expect(nodes("gw")).toEqual(["a", "b"]);
    expect(reads).toHaveLength(1);
  });

  test("are read at the next heartbeat where the first reading failed", async () => {
    isAway = true;
    store("gw", 0, "a");
    await beat({ gw: 0 });
    isAway = false;
    await beat({ gw: 0 });
    expect(nodes("gw")).toEqual(["a"]);
  });

  test("are forgotten when it is no member any more, unless it can still be reached", async () => {
    store("gw", 1, "a", "b");
    await beat({ gw: 1 });
    await beat({}, ["gw"]);
    expect(nodes("gw")).toEqual(["a", "b"]);
    events.length = 0;
    await beat({});
    expect(events).toEqual(["-a", "-b"]);
    expect([nodes("gw"), follower.hasRead("gw")]).toEqual([[], false]);
  });

  test("are not known by a reading that ends after it was forgotten", async () => {
    hold = Promise.withResolvers<void>();
    store("gw", 1, "a");
    await beat({ gw: 1 });
    await beat({});
    hold.resolve();
    await settle();
    expect([nodes("gw"), events]).toEqual([[], []]);
  });
});

describe("a node that several gateways have", () => {
  test("is held by the gateway that it connected to last", async () => {
    lists.set("old", { seq: 1, nodes: [record("a", 10)] });
    lists.set("new", { seq: 1, nodes: [record("a", 20)] });
    lists.set("older", { seq: 1, nodes: [record("a", 5)] });
    await beat({ old: 1, new: 1, older: 1 });
    expect(follower.latestHolder("a")).toEqual({ gateway: "new", record: record("a", 20) });
    await receive("new", 2, [], ["a"]);
    expect(follower.latestHolder("a")?.gateway).toBe("old");
    expect(follower.latestHolder("b")).toBeNull();
  });
});

/** The nodes that are connected here: what is published of them, and whose calls get their slots. */

import { beforeEach, describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { Hub } from "../node/hub.ts";
import { Node } from "../node/node.ts";
import { Lease } from "../schedule/lease.ts";
import { LocalNodes } from "./local_nodes.ts";
import type { NodeRecord } from "./node_record.ts";
import { record } from "./testing/record.ts";

const service = { model: "m", endpoint: Endpoint.chat, accountId: "alice" };

let hub: Hub;
let sharedNowMs: number;
let records: Map<string, NodeRecord>;
/** What the nodes' collaborators were called for, in order. */
let events: string[];
/** Slots that are granted to peers, by number. */
let granted: Map<number, Lease>;
let local: LocalNodes;

beforeEach(() => {
  hub = new Hub();
  sharedNowMs = 1_000;
  [records, granted] = [new Map(), new Map()];
  events = [];
  local = new LocalNodes({
    hub,
    publisher: {
      record: (id) => records.get(id),
      put(one) {
        records.set(one.who.id, one);
        events.push(`put ${one.who.id} ${one.sinceMs}`);
      },
      remove(id) {
        records.delete(id);
        events.push(`remove ${id}`);
      },
      removeAll() {
        records.clear();
        events.push("removeAll");
      },
    },
    loads: {
      changed: ({ who, earned }) =>
        void (earned !== 2 && events.push(`${who.publicId} has ${earned}`)),
      countHeld: (peer, { who }, by) => void events.push(`held ${peer} ${who.publicId} ${by}`),
      nodeLeft: ({ who }) => void events.push(`left ${who.publicId}`),
    },
    offers: {
      redeem(peer, grant) {
        events.push(`redeem ${peer} ${grant}`);
        return granted.get(grant) ?? null;
      },
      close: () => void events.push("close"),
    },
    sharedNow: () => sharedNowMs,
    challenge: ({ who }) => void events.push(`challenge ${who.publicId}`),
    startedAs: (nodeKey, instance, forMs) =>
      void events.push(`started ${nodeKey} ${instance} ${forMs}`),
  });
  local.attach({
    leaseLocal(node, service) {
      if (node.active >= node.offer.maxParallel) return null;
      hub.use(node, 1);
      return new Lease(node, service, () => hub.use(node, -1));
    },
  });
});

function nodeOf(id: string, gateway: string | null = null): Node {
  const who = { publicId: id, nodeKey: `key/${id}`, accountId: "a", keyId: "k" };
  const offer = { name: id, agent: null, maxParallel: 1, models: ["m"] };
  return new Node(who, offer, { start: () => null, close() {} }, 5, gateway);
}

function join(id: string): Node {
  const node = nodeOf(id);
  hub.add(node);
  return node;
}

const ids = () => [...local.all()].map(({ who }) => who.publicId);

describe("a node that connects here", () => {
  test("is published with the time of its connection by Redis' clock", () => {
    const node = join("n");
    expect(events).toEqual(["put n 1000"]);
    expect([ids(), local.has(node), local.has(nodeOf("n"))]).toEqual([["n"], true, false]);
  });

  test("is published again with the same time when it has changed, and not otherwise", () => {
    const node = join("n");
    sharedNowMs = 2_000;
    hub.ease(node);
    hub.update(node, { ...node.offer });
    expect(events).toHaveLength(1);
    hub.update(node, { ...node.offer, maxParallel: 3 });
    hub.update(node, node.offer, true);
    expect(events).toEqual(["put n 1000", "put n 1000", "put n 1000"]);
    expect(records.get("n")).toMatchObject({ isDraining: true, offer: { maxParallel: 3 } });
  });

  test("is published when its link is lost, and again when it is back", () => {
    const node = join("n");
    hub.interrupted(node, 9_000);
    expect(records.get("n")?.reconnectsUntil).toBe(9_000);
    hub.reconnected(node);
    expect(records.get("n")?.reconnectsUntil).toBeUndefined();
    expect(events).toEqual(["put n 1000", "put n 1000", "put n 1000"]);
  });

  test("is removed when it leaves, once", () => {
    const node = join("n");
    hub.remove(node);
    hub.remove(node);
    expect(events.slice(1)).toEqual(["remove n", "left n"]);
    expect([ids(), local.has(node)]).toEqual([[], false]);
  });

  test("is published with a new time when it connects again, and its earlier connection is forgotten", () => {
    const before = join("n");
    sharedNowMs = 2_000;
    const after = join("n");
    expect(events).toEqual(["put n 1000", "remove n", "left n", "put n 2000"]);
    hub.remove(before);
    expect(events).toHaveLength(4);
    expect([local.has(before), local.has(after)]).toEqual([false, true]);
  });
});

test("a node of another gateway is not published", () => {
  const remote = nodeOf("n", "gw-1");
  hub.add(remote);
  hub.ease(remote);
  hub.remove(remote);
  expect([events, ids()]).toEqual([[], []]);
});

describe("a node that another gateway has published", () => {
  test("is challenged where it has connected there later than here", () => {
    join("n");
    for (const sinceMs of [999, 1_000]) local.publishedElsewhere(record("n", sinceMs));
    expect(events).toEqual(["put n 1000"]);
    local.publishedElsewhere(record("n", 1_001));
    expect(events.at(-1)).toBe("challenge n");
  });

  test("is not challenged where it is not connected here, or not published", () => {
    local.publishedElsewhere(record("n", 2_000));
    join("n");
    local.withdraw();
    events.length = 0;
    local.publishedElsewhere(record("n", 9_000));
    expect(events).toEqual([]);
  });

  test("is said to have started there, also where this gateway has withdrawn its own", () => {
    local.withdraw();
    events.length = 0;
    const { offer, ...rest } = record("n", sharedNowMs - 400);
    local.publishedElsewhere({ ...rest, offer: { ...offer, instance: "i2" } });
    expect(events).toEqual(["started key/n i2 400"]);
  });
});

describe("a slot for a peer's call", () => {
  test("is a free one, which counts as held by the peer", () => {
    const node = join("n");
    const lease = local.lease("gw-1", "n", service, null);
    expect([lease?.node, node.active]).toEqual([node, 1]);
    expect(events.at(-1)).toBe("held gw-1 n 1");
    expect(local.lease("gw-1", "n", service, null)).toBeNull();
    expect(events.filter((event) => event.startsWith("held"))).toHaveLength(1);
  });

  test("is the one that it was granted, also where no other is free", () => {
    const node = join("n");
    const lease = new Lease(node, service, () => {});
    granted.set(7, lease);
    expect(local.lease("gw-1", "n", service, 7)).toBe(lease);
    expect(events.slice(1)).toEqual(["redeem gw-1 7", "held gw-1 n 1"]);
  });

  test("is a free one where the grant has expired", () => {
    const node = join("n");
    expect(local.lease("gw-1", "n", service, 7)?.node).toBe(node);
  });

  test("is none where the grant is for another node, whose slot is released", () => {
    const [node, other] = [join("n"), join("o")];
    granted.set(7, new Lease(other, service, () => {}));
    expect(local.lease("gw-1", "n", service, 7)).toBeNull();
    expect([node.active, other.active]).toEqual([0, 0]);
    expect(events.filter((event) => event.startsWith("held"))).toEqual([]);
  });

  test("is none where the node has left, and the granted slot is released", () => {
    const node = join("n");
    granted.set(7, new Lease(node, service, () => {}));
    hub.remove(node);
    expect(local.lease("gw-1", "n", service, 7)).toBeNull();
    expect(local.lease("gw-1", "n", service, null)).toBeNull();
    expect(node.active).toBe(0);
  });

  test("is none before there is a scheduler", () => {
    local = new LocalNodes({ ...partsWithout(), hub });
    join("n");
    expect(local.lease("gw-1", "n", service, null)).toBeNull();
  });
});

/** Collaborators that do nothing. */
function partsWithout() {
  return {
    publisher: { record: () => undefined, put() {}, remove() {}, removeAll() {} },
    loads: { changed() {}, countHeld() {}, nodeLeft() {} },
    offers: { redeem: () => null, close() {} },
    sharedNow: () => 0,
    challenge() {},
    startedAs() {},
  };
}

describe("a gateway that withdraws its nodes", () => {
  test("publishes and offers none of them any more, also those that come", () => {
    const node = join("n");
    local.withdraw();
    expect(events.slice(1)).toEqual(["close", "removeAll"]);
    join("late");
    hub.ease(node);
    expect(events).toHaveLength(3);
    expect(ids()).toEqual(["n", "late"]);
  });

  test("leases no slot but those that were granted before", () => {
    const node = join("n");
    const lease = new Lease(node, service, () => {});
    granted.set(7, lease);
    local.withdraw();
    expect(local.lease("gw-1", "n", service, null)).toBeNull();
    expect(local.lease("gw-1", "n", service, 7)).toBe(lease);
  });
});

describe("nodes that are asked to move", () => {
  test("are moving until all have said that they drain, have left, or are withdrawn", () => {
    expect(local.areMoving).toBe(false);
    const [one, other] = [join("n"), join("o")];
    hub.update(one, one.offer, true);
    expect(local.areMoving).toBe(true);
    hub.update(other, other.offer, true);
    expect(local.areMoving).toBe(false);
    hub.update(other, other.offer, false);
    expect(local.areMoving).toBe(true);
    hub.remove(other);
    expect(local.areMoving).toBe(false);
    join("p");
    local.withdraw();
    expect(local.areMoving).toBe(false);
  });
});

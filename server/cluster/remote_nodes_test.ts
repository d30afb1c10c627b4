/** Other gateways' nodes in this gateway's hub: when they are offered, and how busy they seem. */

import { beforeEach, describe, expect, test } from "bun:test";
import { settle } from "../base/testing/fake_clock.ts";
import { Hub } from "../node/hub.ts";
import { Node } from "../node/node.ts";
import type { HeldNode } from "./follower.ts";
import type { NodeRecord } from "./node_record.ts";
import { RemoteNodes } from "./remote_nodes.ts";
import { record } from "./testing/record.ts";

let hub: Hub;
let holders: Map<string, HeldNode>;
let linked: Set<string>;
/** What the hub reported, in order. */
let events: string[];
let remote: RemoteNodes;

beforeEach(() => {
  hub = new Hub();
  holders = new Map();
  linked = new Set(["gw-1", "gw-2"]);
  events = [];
  remote = new RemoteNodes({
    hub,
    isLinked: (gateway) => linked.has(gateway),
    connectionTo: (gateway, nodeId) => ({
      start: () => {
        events.push(`start ${gateway} ${nodeId}`);
        return null;
      },
      close() {},
    }),
    latestHolder: (nodeId) => holders.get(nodeId) ?? null,
  });
  hub.watch({
    joined: ({ who, gateway }) => void events.push(`joined ${who.publicId} ${gateway}`),
    left: ({ who, gateway }) => void events.push(`left ${who.publicId} ${gateway}`),
    eased() {},
    loaded: ({ who }, by) => void events.push(`load ${who.publicId} ${by}`),
  });
});

function hold(gateway: string, held: Partial<NodeRecord> = {}): void {
  holders.set("n", { gateway, record: { ...record("n"), ...held } });
  remote.refresh("n");
}

function joinHere(): Node {
  const { who, offer: { facts: _, ...offer } } = record("n");
  const identity = { publicId: who.id, nodeKey: who.identity, accountId: "a", keyId: "k" };
  const node = new Node(
    identity,
    offer,
    { start: () => null, close() {} },
    0,
  );
  hub.add(node);
  return node;
}

const active = () => hub.findPublic("n")?.active;

describe("a remote node", () => {
  test("is offered with what its record says, and calls go to its gateway", () => {
    const facts: NodeRecord["offer"]["facts"] = [["m", {
      endpoints: ["/v1/messages"],
      contextLength: 9,
      tools: true,
      vision: null,
    }]];
    hold("gw-1", { isDraining: true, connectedAt: 77, offer: { ...record("n").offer, facts } });
    const node = remote.find("gw-1", "n")!;
    expect(hub.find("key/n")).toBe(node);
    expect(node.who).toEqual({ publicId: "n", nodeKey: "key/n", accountId: "a", keyId: "k" });
    expect([node.gateway, node.isDraining, node.connectedAt]).toEqual(["gw-1", true, 77]);
    expect(node.factsOf("m").endpoints).toEqual(["/v1/messages"]);
    expect(remote.size).toBe(1);
    node.connection.start({} as never, {} as never);
    expect(events).toEqual(["joined n gw-1", "start gw-1 n"]);
  });

  test("is found at its own gateway only", () => {
    hold("gw-1");
    expect(remote.find("gw-2", "n")).toBeUndefined();
    expect(remote.find("gw-1", "other")).toBeUndefined();
  });

  test("is withdrawn when no gateway has it, or its gateway cannot be reached", () => {
    hold("gw-1");
    linked.delete("gw-1");
    remote.refresh("n");
    expect([hub.size, remote.size, remote.find("gw-1", "n")]).toEqual([0, 0, undefined]);
    linked.add("gw-1");
    remote.refresh("n");
    expect(remote.size).toBe(1);
    holders.clear();
    remote.refresh("n");
    remote.refresh("n");
    expect([hub.size, remote.size]).toEqual([0, 0]);
    expect(events).toEqual(["joined n gw-1", "left n gw-1", "joined n gw-1", "left n gw-1"]);
  });

  test("is not offered by a gateway that cannot be reached", () => {
    hold("gw-3");
    expect([hub.size, remote.size]).toEqual([0, 0]);
  });

  test("moves as another node with the gateway that holds it", () => {
    hold("gw-1");
    hold("gw-2");
    expect(remote.find("gw-1", "n")).toBeUndefined();
    expect(remote.find("gw-2", "n")?.gateway).toBe("gw-2");
    expect(events).toEqual(["joined n gw-1", "left n gw-1", "joined n gw-2"]);
  });

  test("changes in place with its record, and not without a change", () => {
    hold("gw-1");
    const node = remote.find("gw-1", "n")!;
    events.length = 0;
    hold("gw-1");
    expect(events).toEqual([]);
    hold("gw-1", { isDraining: true, offer: { ...record("n").offer, models: ["m", "n"] } });
    expect(remote.find("gw-1", "n")).toBe(node);
    expect([node.isDraining, node.offer.models, remote.size]).toEqual([true, ["m", "n"], 1]);
    expect(events).toEqual(["left n gw-1", "joined n gw-1"]);
    hold("gw-1", { isDraining: true, offer: { ...record("n").offer, models: ["m", "n"] } });
    expect(events).toHaveLength(2);
  });
});

test("a remote node is shown with why it is paused, until it serves again", () => {
  hold("gw-1", { isDraining: true, pause: { reason: "night", until: 5 } });
  const node = remote.find("gw-1", "n")!;
  expect(node.pause).toEqual({ reason: "night", until: 5 });
  hold("gw-1", { isDraining: true, pause: { reason: "a game", until: null } });
  expect(node.pause?.reason).toBe("a game");
  hold("gw-1");
  expect(node.pause).toBeNull();
});

describe("a remote node that is connected here as well", () => {
  test("is served from here, and offered again when it has left here", async () => {
    hold("gw-1");
    const local = joinHere();
    expect([hub.findPublic("n"), remote.size]).toEqual([local, 0]);
    hold("gw-1", { isDraining: true });
    expect([hub.findPublic("n"), remote.size]).toEqual([local, 0]);
    hub.remove(local);
    await settle();
    expect(hub.findPublic("n")?.gateway).toBe("gw-1");
  });

  test("is not offered a second time while its local connection changes its offer", async () => {
    const local = joinHere();
    hold("gw-1");
    hub.update(local, { ...local.offer, maxParallel: 5 });
    await settle();
    expect([hub.findPublic("n"), remote.size]).toEqual([local, 0]);
  });
});

describe("the load of a remote node", () => {
  test("is what its gateway reports, beside this gateway's own calls", () => {
    hold("gw-1");
    hub.use(remote.find("gw-1", "n")!, 1);
    remote.setLoad("gw-1", ["n", 3]);
    expect(active()).toBe(4);
    remote.setLoad("gw-1", ["n", 1]);
    expect(active()).toBe(2);
    remote.setLoad("gw-1", ["n", 0]);
    expect(active()).toBe(1);
    expect(events.slice(1)).toEqual(["load n 3", "load n -2", "load n -1"]);
  });

  test("counts also where it was reported before the node was known", () => {
    remote.setLoad("gw-1", ["n", 2]);
    hold("gw-1");
    expect(active()).toBe(2);
    remote.setLoad("gw-1", ["n", 3]);
    expect(active()).toBe(3);
  });

  test("says what the node has earned; gateways of earlier versions do not", () => {
    remote.setLoad("gw-1", ["n", 0, 1]);
    hold("gw-1");
    expect(hub.find("key/n")?.earned).toBe(1);
    remote.setLoad("gw-1", ["n", 1, 8]);
    remote.setLoad("gw-1", ["n", 2]);
    expect(hub.find("key/n")?.earned).toBe(8);
  });

  test("is not taken from another gateway than the one that holds it", () => {
    hold("gw-1");
    remote.setLoad("gw-2", ["n", 5]);
    expect(active()).toBe(0);
    hold("gw-2");
    expect(active()).toBe(5);
    // The first one's word comes late.
    remote.setLoad("gw-1", ["n", 1]);
    expect(active()).toBe(5);
  });

  test("is kept while the node is withdrawn, but not when it was reported as 0 meanwhile", () => {
    hold("gw-1");
    remote.setLoad("gw-1", ["n", 2]);
    remote.setLoad("gw-1", ["other", 2]);
    holders.clear();
    remote.refresh("n");
    hold("gw-1");
    expect(active()).toBe(2);
    holders.clear();
    remote.refresh("n");
    remote.setLoad("gw-1", ["n", 0]);
    hold("gw-1");
    expect(active()).toBe(0);
  });

  test("is forgotten when the link to its gateway is lost", () => {
    hold("gw-1");
    remote.setLoad("gw-1", ["n", 2]);
    remote.clearLoads("gw-2");
    linked.delete("gw-1");
    remote.clearLoads("gw-1");
    remote.refresh("n");
    linked.add("gw-1");
    remote.refresh("n");
    expect(active()).toBe(0);
  });
});

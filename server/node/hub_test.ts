import { beforeEach, describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { Hub, MAX_REMEMBERED_MODELS } from "./hub.ts";
import { factsByModel } from "./model_facts.ts";
import { Node, type NodeStanding } from "./node.ts";

/** What the hub has reported, in order. */
let events: string[];
let standing: NodeStanding;
let hub: Hub;

beforeEach(() => {
  events = [];
  standing = { label: null, hold: null };
  hub = new Hub({
    standingOf: () => standing,
    onNewModels: (models) => void events.push(`new models ${models}`),
  });
  hub.watch({
    joined: (node) => void events.push(`joined ${nameOf(node)}`),
    left: (node) => void events.push(`left ${nameOf(node)}`),
    barred: (node) => void events.push(`barred ${nameOf(node)}`),
    eased: (node) => void events.push(`eased ${nameOf(node)}`),
    loaded: (node, by) => void events.push(`loaded ${nameOf(node)} ${by}`),
  });
});

function node(
  name: string,
  { endpoints = [Endpoint.chat] as Endpoint[], models = ["m"], nodeKey = `key/${name}` } = {},
): Node {
  const who = { publicId: name, nodeKey, accountId: `owner of ${name}`, keyId: "key" };
  const facts = factsByModel({ m: { endpoints } }, models);
  const offer = { name, agent: null, maxParallel: 1, models, facts };
  return new Node(who, offer, { start: () => null, close() {} }, 0);
}

function nameOf({ who, offer, isDraining, hold }: Node): string {
  return [who.publicId, ...offer.models, ...isDraining ? ["draining"] : [], ...hold ? [hold] : []]
    .join(" ");
}

describe("a hub", () => {
  test("finds nodes by key and by public id, and counts those of an account", () => {
    const [a, b] = [node("a"), node("b")];
    hub.add(a);
    hub.add(b);
    expect([hub.size, [...hub.nodes()]]).toEqual([2, [a, b]]);
    expect([hub.find("key/a"), hub.find("a")]).toEqual([a, undefined]);
    expect([hub.findPublic("b"), hub.findPublic("key/b")]).toEqual([b, undefined]);
    expect([hub.countOf("owner of a"), hub.countOf("nobody")]).toEqual([1, 0]);
    hub.remove(a);
    expect([hub.size, hub.find("key/a"), a.isConnected, b.isConnected])
      .toEqual([1, undefined, false, true]);
  });

  test("reports a node's removal once, and never that of its successor", () => {
    const [old, next] = [node("a"), node("b", { nodeKey: "key/a" })];
    hub.add(old);
    hub.add(next);
    expect(events.slice(-2)).toEqual(["left a m", "joined b m"]);
    hub.remove(old);
    expect(hub.find("key/a")).toBe(next);
    hub.remove(next);
    hub.remove(next);
    expect(events.filter((event) => event === "left b m")).toHaveLength(1);
  });

  test("reports a changed offer as leaving with the old one and joining with the new one", () => {
    const changed = node("a");
    hub.add(changed);
    hub.update(changed, { ...changed.offer, models: ["m", "n"] }, true);
    hub.update(changed, changed.offer);
    hub.update(changed, changed.offer, false);
    expect(events).toEqual([
      "joined a m",
      "new models m",
      "left a m",
      "joined a m n draining",
      "new models n",
      "left a m n draining",
      "joined a m n draining",
      "left a m n draining",
      "joined a m n",
    ]);
  });

  test("counts calls of this gateway and of others, and reports only the others'", () => {
    const busy = node("a");
    hub.add(busy);
    events.length = 0;
    hub.use(busy, 1);
    expect(busy.active).toBe(1);
    hub.load(busy, 2);
    expect(busy.active).toBe(3);
    hub.use(busy, -1);
    hub.load(busy, -1);
    expect([busy.active, events]).toEqual([1, ["loaded a m 2", "loaded a m -1"]]);
  });

  test("applies decisions before a node is reported, and again when they have changed", () => {
    standing = { label: "mine", hold: "paused" };
    const held = node("a");
    hub.add(held);
    expect([events[0], held.label]).toEqual(["joined a m paused", "mine"]);
    events.length = 0;
    standing = { label: "renamed", hold: "unapproved" };
    hub.review(held);
    expect([held.label, held.hold, events]).toEqual(["renamed", "unapproved", []]);
    standing = { label: null, hold: null };
    hub.review(held);
    expect([held.label, events]).toEqual([null, ["eased a m"]]);
    hub.review(held);
    expect(events).toHaveLength(1);
    standing = { label: null, hold: "draining" };
    hub.review(held);
    expect(events).toEqual(["eased a m", "barred a m draining"]);
    hub.review(held);
    expect(events).toHaveLength(2);
  });

  test("leaves a node alone about which nothing is decided", () => {
    const plain = new Hub();
    const free = node("a");
    plain.add(free);
    plain.review(free);
    expect([free.label, free.hold, free.isOut]).toEqual([null, null, false]);
  });
});

describe("what a hub knows of a model", () => {
  test("is what the connected nodes state together", () => {
    const chats = node("a", { endpoints: [Endpoint.chat] });
    const embeds = node("b", { endpoints: [Endpoint.embeddings] });
    expect(hub.factsOf("m")).toBeNull();
    hub.add(chats);
    expect(hub.factsOf("m")?.endpoints).toEqual([Endpoint.chat]);
    hub.add(embeds);
    expect(hub.factsOf("m")?.endpoints).toEqual([Endpoint.chat, Endpoint.embeddings]);
    expect(hub.factsOf("m")).toBe(hub.factsOf("m")!);
    hub.remove(chats);
    expect(hub.factsOf("m")?.endpoints).toEqual([Endpoint.embeddings]);
    hub.update(embeds, { ...embeds.offer, models: ["n"] });
    expect(hub.factsOf("m")).toBeNull();
  });

  test("is listed in alphabetical order while a node serves it", () => {
    const [a, b] = [node("a", { models: ["z", "m"] }), node("b", { models: ["a", "m"] })];
    hub.add(a);
    hub.add(b);
    expect(hub.models()).toEqual(["a", "m", "z"]);
    expect([...hub.nodesOf("m")]).toEqual([a, b]);
    hub.remove(a);
    expect([hub.models(), [...hub.nodesOf("z")]]).toEqual([["a", "m"], []]);
  });

  test("includes the endpoints at which it was seen, when its nodes have left", () => {
    const embeds = node("a", { endpoints: [Endpoint.embeddings] });
    hub.add(embeds);
    hub.remove(embeds);
    hub.add(node("b", { endpoints: [Endpoint.messages] }));
    expect(hub.knows("m")).toBe(true);
    expect(hub.hasSeen({ model: "m", endpoint: Endpoint.embeddings })).toBe(true);
    expect(hub.hasSeen({ model: "m", endpoint: Endpoint.messages })).toBe(true);
    expect(hub.hasSeen({ model: "m", endpoint: Endpoint.chat })).toBe(false);
    expect([hub.knows("n"), hub.hasSeen({ model: "n", endpoint: Endpoint.chat })])
      .toEqual([false, false]);
  });

  test("from before this process started is its name alone", () => {
    hub.remember(["m"]);
    expect(hub.knows("m")).toBe(true);
    expect(hub.hasSeen({ model: "m", endpoint: Endpoint.chat })).toBe(false);
    hub.add(node("a"));
    hub.remember(["m"]);
    expect(hub.hasSeen({ model: "m", endpoint: Endpoint.chat })).toBe(true);
    expect(events).toEqual(["joined a m"]);
  });

  test("is forgotten for models beyond the limit, which are served all the same", () => {
    hub.remember(Array.from({ length: MAX_REMEMBERED_MODELS - 1 }, (_, i) => `model-${i}`));
    const a = node("a", { models: ["one", "too many"] });
    hub.add(a);
    expect(events.at(-1)).toBe("new models one");
    hub.remember(["another"]);
    expect([...hub.knownModels()]).toHaveLength(MAX_REMEMBERED_MODELS);
    expect(hub.models()).toEqual(["one", "too many"]);
    hub.remove(a);
    expect([hub.knows("one"), hub.knows("too many")]).toEqual([true, false]);
  });
});

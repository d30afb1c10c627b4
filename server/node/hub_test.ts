import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { Hub } from "./hub.ts";
import { factsByModel } from "./model_facts.ts";
import { Node } from "./node.ts";

function node(name: string, endpoints: Endpoint[], models = ["m"]): Node {
  const who = { publicId: name, nodeKey: `key/${name}`, accountId: "owner", keyId: "key" };
  const facts = factsByModel({ m: { endpoints } }, models);
  const offer = { name, agent: null, maxParallel: 1, models, facts };
  return new Node(who, offer, { start: () => null, close() {} }, 0);
}

describe("what a hub knows of a model", () => {
  test("is what the nodes that are connected tell together", () => {
    const hub = new Hub();
    const [chats, embeds] = [node("a", [Endpoint.chat]), node("b", [Endpoint.embeddings])];
    expect(hub.factsOf("m")).toBeNull();
    hub.add(chats);
    expect(hub.factsOf("m")?.endpoints).toEqual([Endpoint.chat]);
    hub.add(embeds);
    expect(hub.factsOf("m")?.endpoints).toEqual([Endpoint.chat, Endpoint.embeddings]);
    hub.remove(chats);
    expect(hub.factsOf("m")?.endpoints).toEqual([Endpoint.embeddings]);
    hub.update(embeds, { ...embeds.offer, models: ["n"] });
    expect(hub.factsOf("m")).toBeNull();
  });

  test("where it was seen is remembered when its nodes have left", () => {
    const hub = new Hub();
    const embeds = node("a", [Endpoint.embeddings]);
    hub.add(embeds);
    hub.remove(embeds);
    expect(hub.knows("m")).toBe(true);
    expect(hub.hasSeen({ model: "m", endpoint: Endpoint.embeddings })).toBe(true);
    expect(hub.hasSeen({ model: "m", endpoint: Endpoint.chat })).toBe(false);
  });

  test("of before this process started is its name alone", () => {
    const hub = new Hub();
    hub.remember(["m"]);
    expect(hub.knows("m")).toBe(true);
    expect(hub.hasSeen({ model: "m", endpoint: Endpoint.chat })).toBe(false);
    hub.add(node("a", [Endpoint.chat]));
    hub.remember(["m"]);
    expect(hub.hasSeen({ model: "m", endpoint: Endpoint.chat })).toBe(true);
  });
});

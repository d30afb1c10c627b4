import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { STRANGER } from "../node/audience.ts";
import { Hub } from "../node/hub.ts";
import { factsByModel } from "../node/model_facts.ts";
import { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import { FULL, type Price } from "./node_pool.ts";
import { NodePools } from "./node_pools.ts";
import { seeded } from "../base/testing/random.ts";

const NONE: ReadonlySet<string> = new Set();
const MODELS = ["m", "n", "o"];

function chatWith(model: string): Service {
  return { model, endpoint: Endpoint.chat };
}

/** Nodes whose prices a test sets, and a count of how often a price was read. */
class Market {
  readonly prices = new Map<Node, number>();
  readonly nodes: Node[] = [];
  reads = 0;
  readonly price: Price = (node) => {
    this.reads++;
    return this.prices.get(node)!;
  };
  readonly pools: NodePools;
  readonly hub = new Hub();

  constructor(countsActive = true) {
    this.pools = new NodePools(this.price, () => countsActive);
    this.hub.watch({
      joined: (node) => this.pools.joined(node),
      left: (node) => this.pools.left(node),
      loaded: (node, by) => this.pools.loaded(node, by),
    });
  }

  /** Of the nodes for everyone. */
  pool(service: Service) {
    return this.pools.all(service, STRANGER)[0];
  }

  add(price: number, models: readonly string[] = ["m"]): Node {
    const name = `node-${this.prices.size}`;
    const who = { publicId: name, nodeKey: `key/${name}`, accountId: "owner", keyId: "key" };
    const offer = { name, agent: null, maxParallel: 2, models };
    const node = new Node(who, offer, { start: () => null, close() {} }, 0);
    this.prices.set(node, price);
    this.nodes.push(node);
    this.hub.add(node);
    return node;
  }

  remove(node: Node): void {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    this.hub.remove(node);
  }

  /** The lowest price among all nodes that serve the service. */
  lowest(service: Service, tried: ReadonlySet<string> = NONE): number {
    const fitting = this.nodes.filter((node) =>
      node.serves(service) && !tried.has(node.who.publicId)
    );
    return Math.min(Infinity, ...fitting.map((node) => this.prices.get(node)!));
  }
}

describe("a pool", () => {
  test("finds what a search through all nodes finds, however their prices change", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = seeded(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const market = new Market();
      const anyPrice = () =>
        [below(3), below(3) / 2, FULL, FULL + 1 + below(5), Infinity][below(5)]!;
      const change = (node: Node) => {
        const before = market.prices.get(node)!;
        market.prices.set(node, anyPrice());
        // Only falls are reported.
        if (market.prices.get(node)! < before) market.pools.eased(node);
      };
      for (let step = 0; step < 300; step++) {
        const dice = random();
        const node = market.nodes[below(market.nodes.length)];
        if (dice < 0.2 && market.nodes.length < 20) {
          market.add(anyPrice(), MODELS.filter(() => random() < 0.6));
        } else if (dice < 0.3 && node) market.remove(node);
        else if (dice < 0.7 && node) change(node);

        const service = chatWith(MODELS[below(3)]!);
        const tried = new Set(
          market.nodes.filter(() => random() < 0.2).map(({ who }) => who.publicId),
        );
        const lowest = market.lowest(service, tried);
        const pool = market.pool(service);
        const found = pool?.cheapest(tried, random)?.node ?? null;
        expect(found === null ? null : market.prices.get(found)!)
          .toBe(lowest < FULL ? lowest : null);
        if (found) expect(tried.has(found.who.publicId) || !found.serves(service)).toBe(false);
        expect(pool?.opensAt(tried) ?? Infinity).toBe(lowest);
      }
    }
  });

  test("draws each of the cheapest nodes equally often, even after keys were too low", () => {
    const market = new Market();
    const random = seeded(3);
    const [a, b, c, d] = [1, 1, 1, 2].map((price) => market.add(price));
    const counts = new Map<Node, number>();
    for (let i = 0; i < 3000; i++) {
      // The price rises without report, is corrected by the draw, and falls back.
      market.prices.set(a!, 3);
      market.pool(chatWith("m"))!.cheapest(NONE, random);
      market.prices.set(a!, 1);
      market.pools.eased(a!);
      const { node } = market.pool(chatWith("m"))!.cheapest(NONE, random)!;
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    for (const node of [a, b, c]) expect(counts.get(node!)).toBeWithin(900, 1100);
    expect(counts.has(d!)).toBe(false);
  });

  const unfit: [what: string, price: number][] = [
    ["idle", 0],
    ["full", FULL],
    ["penalised", FULL + 9],
    ["draining", Infinity],
  ];
  for (const [what, price] of unfit) {
    test(`reads no more prices when 10,000 other nodes are ${what} than when 10 are`, () => {
      const reads = [10, 10_000].map((others) => {
        const market = new Market();
        for (let i = 0; i < others; i++) market.add(price);
        const node = market.add(0);
        const pool = market.pool(chatWith("m"))!;
        const random = seeded(1);
        // The first draw pays for moving the others to their prices.
        pool.cheapest(new Set([node.who.publicId]), random);
        market.reads = 0;
        for (let i = 0; i < 100; i++) {
          pool.cheapest(NONE, random);
          pool.opensAt(NONE);
          market.prices.set(node, 0.5);
          pool.cheapest(NONE, random);
          market.prices.set(node, 0);
          market.pools.eased(node);
        }
        return market.reads;
      });
      expect(reads[1]).toBeLessThanOrEqual(reads[0]! + 10);
    });
  }

  test("reads no price of a node's other models when the node has room again", () => {
    const market = new Market();
    const models = Array.from({ length: 1000 }, (_, i) => `model-${i}`);
    const node = market.add(0, models);
    const pool = market.pool(chatWith("model-7"))!;
    market.hub.load(node, 2);
    market.prices.set(node, FULL);
    expect(pool.cheapest(NONE, () => 0)).toBeNull();
    market.prices.set(node, 3);
    market.reads = 0;
    market.hub.load(node, -2);
    expect(market.reads).toBe(1);
    // A place whose key was computed while no call ran is not updated again.
    market.pools.loaded(node, -1);
    expect(market.reads).toBe(1);
    expect(pool.cheapest(NONE, () => 0)?.node).toBe(node);
  });

  test("counts the slots and the running calls of its nodes, as they join, work and leave", () => {
    const market = new Market();
    const [a, b] = [market.add(0), market.add(0, ["m", "n"])];
    market.hub.load(b, 1);
    expect(market.pool(chatWith("m"))).toMatchObject({ slots: 4, active: 1 });
    expect(market.pool(chatWith("n"))).toMatchObject({ slots: 2, active: 1 });
    market.remove(a);
    expect(market.pool(chatWith("m"))).toMatchObject({ slots: 2, active: 1 });
    market.hub.load(b, -1);
    expect(market.pool(chatWith("m"))).toMatchObject({ slots: 2, active: 0 });
    market.remove(b);
    expect(market.pool(chatWith("m"))).toBeUndefined();
    // The node reconnects with a call that still runs.
    market.hub.load(b, 1);
    market.hub.add(b);
    expect(market.pool(chatWith("m"))).toMatchObject({ slots: 2, active: 1 });
  });

  test("is the same whenever it is first asked for, as nodes join, work, change and leave", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seeded(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const [early, late] = [new Market(), new Market()];
      const stateOf = (market: Market) =>
        MODELS.map((model) => {
          const pool = market.pool(chatWith(model));
          if (pool === undefined) return null;
          const { size, slots, active, shares } = pool;
          const node = pool.cheapest(NONE, () => 0)?.node;
          return { size, slots, active, shares, price: node && market.prices.get(node) };
        });
      for (let step = 0; step < 60; step++) {
        const [dice, price, index] = [random(), below(3), below(early.nodes.length)];
        const models = MODELS.filter(() => random() < 0.6);
        for (const market of [early, late]) {
          const node = market.nodes[index];
          if (node === undefined || dice < 0.4) market.add(price, models);
          else if (dice < 0.5) market.remove(node);
          else if (dice < 0.7) market.hub.update(node, { ...node.offer, models, maxParallel: 3 });
          else market.hub.load(node, 1);
        }
        stateOf(early);
      }
      expect(stateOf(late)).toEqual(stateOf(early));
      for (const market of [early, late]) {
        for (const node of [...market.nodes]) market.remove(node);
        expect(stateOf(market)).toEqual([null, null, null]);
      }
    }
  });

  test("is none where the model is offered at other endpoints, until a node offers it there", () => {
    const market = new Market();
    const embeddings = { model: "m", endpoint: Endpoint.embeddings };
    market.add(0);
    expect(market.pool(embeddings)).toBeUndefined();
    const capabilities = { m: { endpoints: [Endpoint.embeddings] } };
    const node = market.add(1);
    market.hub.update(node, { ...node.offer, facts: factsByModel(capabilities, ["m"]) });
    expect(market.pool(embeddings)?.size).toBe(1);
    expect(market.pool(chatWith("m"))?.size).toBe(1);
    market.remove(node);
    expect(market.pool(embeddings)).toBeUndefined();
  });

  test("makes no pools for services that no call asks for", () => {
    let pools = 0;
    const hub = new Hub();
    const counted = new NodePools(() => 0, () => {
      pools++;
      return false;
    });
    hub.watch({ joined: (node) => counted.joined(node), left: (node) => counted.left(node) });
    const models = Array.from({ length: 1000 }, (_, i) => `model-${i}`);
    const who = { publicId: "a", nodeKey: "key/a", accountId: "owner", keyId: "key" };
    const offer = { name: "a", agent: null, maxParallel: 2, models };
    hub.add(new Node(who, offer, { start: () => null, close() {} }, 0));
    for (let i = 0; i < 3; i++) counted.all(chatWith("model-7"), STRANGER);
    counted.all(chatWith("unknown"), STRANGER);
    expect(pools).toBe(1);
  });

  test("counts the running calls of the nodes that stay when another leaves, and none unless asked", () => {
    for (const countsActive of [true, false]) {
      const market = new Market(countsActive);
      const [a, b] = [market.add(0), market.add(0)];
      for (const [node, calls] of [[a, 2], [b, 1]] as const) {
        market.hub.load(node, calls);
      }
      market.remove(a);
      const active = countsActive ? 1 : 0;
      expect(market.pool(chatWith("m"))).toMatchObject({ slots: 2, active });
    }
  });
});

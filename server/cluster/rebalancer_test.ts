/** The nodes of a network spread over its gateways: which are asked to move, how many, and when no more. */

import { beforeEach, describe, expect, test } from "bun:test";
import { MINUTE_MS } from "../base/clock.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { silentLog } from "../base/log.ts";
import { Node } from "../node/node.ts";
import { Rebalancer } from "./rebalancer.ts";

const ROUND_MS = 5_000;

let clock: FakeClock;
let nodes: Node[];
let others: number[];
let asked: string[];
let rebalancer: Rebalancer;
/** What an asked node does. */
let onMove: (node: Node) => boolean;

beforeEach(() => {
  clock = new FakeClock();
  [nodes, others, asked] = [[], [], []];
  onMove = () => true;
  rebalancer = new Rebalancer({
    clock,
    log: silentLog,
    nodes: () => nodes,
    others: () => others,
    move(node) {
      if (!onMove(node)) return false;
      asked.push(node.who.publicId);
      return true;
    },
  });
  rebalancer.start();
});

function connect(count: number, state: { active?: number; isDraining?: boolean } = {}): void {
  for (let i = 0; i < count; i++) {
    const name = `n${nodes.length}`;
    const who = { publicId: name, nodeKey: `key/${name}`, accountId: "a", keyId: "k" };
    const offer = { name, agent: null, maxParallel: 1, models: ["m"] };
    const connection = { start: () => null, close() {} };
    nodes.push(new Node(who, offer, connection, 1, null, state));
  }
}

/** Asked nodes arrive at the gateway that has the fewest. */
function moveAway(node: Node): boolean {
  nodes.splice(nodes.indexOf(node), 1);
  others[others.indexOf(Math.min(...others))]!++;
  return true;
}

describe("a gateway with more than its share of nodes", () => {
  test("asks a few at a time, once it has had too many for ten seconds, down to its share", async () => {
    connect(30);
    others = [0, 0];
    onMove = moveAway;
    await clock.pass(2 * ROUND_MS - 1);
    expect(asked).toEqual([]);
    await clock.pass(1);
    expect(asked).toHaveLength(5);
    await clock.pass(ROUND_MS);
    expect(asked).toHaveLength(9);
    await clock.pass(10 * MINUTE_MS);
    expect([nodes.length, others]).toEqual([10, [10, 10]]);
  });

  test("gives to one that has none, though it has but one too many; small differences stay", async () => {
    connect(3);
    others = [2, 1];
    await clock.pass(MINUTE_MS);
    expect(asked).toEqual([]);
    others = [3, 0];
    onMove = moveAway;
    await clock.pass(MINUTE_MS);
    expect([nodes.length, others]).toEqual([2, [3, 1]]);
  });

  test("asks at most twenty of thousands in one round", async () => {
    connect(3_000);
    others = [0];
    await clock.pass(2 * ROUND_MS);
    expect(asked).toHaveLength(20);
  });

  test("never asks a node that runs a call, or that leaves already", async () => {
    connect(6, { active: 1 });
    connect(6, { isDraining: true });
    connect(1);
    others = [0];
    await clock.pass(MINUTE_MS);
    expect(asked).toEqual(["n12"]);
  });

  test("asks others where a node's wire has no word for it", async () => {
    connect(8);
    others = [0];
    onMove = ({ who }) => who.publicId !== "n0";
    await clock.pass(2 * ROUND_MS);
    expect(asked).toEqual(["n1"]);
  });

  test("asks a node that comes back again after ten minutes, then after twice as long", async () => {
    connect(1);
    connect(3, { active: 1 });
    others = [0];
    await clock.pass(10 * MINUTE_MS);
    expect(asked).toHaveLength(1);
    await clock.pass(MINUTE_MS);
    expect(asked).toHaveLength(2);
    await clock.pass(18 * MINUTE_MS);
    expect(asked).toHaveLength(2);
    await clock.pass(3 * MINUTE_MS);
    expect(asked).toHaveLength(3);
  });

  test("stops asking when it is stopped", async () => {
    connect(8);
    others = [0];
    rebalancer.stop();
    await clock.pass(MINUTE_MS);
    expect([asked, clock.pending]).toEqual([[], 0]);
  });
});

describe("a gateway with about its share", () => {
  for (
    const [own, ...rest] of [[3, 2, 1], [2, 0], [1, 0, 0], [105, 100], [109, 99, 92], [0, 9], [9]]
  ) {
    test(`asks none: ${own} here, ${rest.join(" and ") || "no gateway"} elsewhere`, async () => {
      connect(own!);
      others = rest;
      await clock.pass(MINUTE_MS);
      expect(asked).toEqual([]);
    });
  }

  test("asks none for an excess that is over before ten seconds have passed", async () => {
    for (let i = 0; i < 5; i++) {
      connect(8);
      others = [0];
      await clock.pass(ROUND_MS);
      others = [8];
      await clock.pass(ROUND_MS);
      nodes.length = 0;
    }
    expect(asked).toEqual([]);
  });

  test("that has moved down to it waits for the larger excess again", async () => {
    connect(4);
    others = [0];
    onMove = moveAway;
    await clock.pass(MINUTE_MS);
    expect([nodes.length, others]).toEqual([2, [2]]);
    connect(1);
    others = [1];
    await clock.pass(MINUTE_MS);
    expect(asked).toHaveLength(2);
  });
});

/** Whose password is checked next, and who finds a place. */

import { beforeEach, expect, test } from "bun:test";
import { type HashOrder, HashQueue } from "./hash_queue.ts";

const LIMIT = 64;

let queue: HashQueue;
let displaced: string[];
let served: string[];

beforeEach(() => {
  queue = new HashQueue({ limit: LIMIT, limitPerNetwork: 8 });
  displaced = [];
  served = [];
});

/** Whether the order found a place. */
function enter(name: string, order: HashOrder): boolean {
  if (queue.obstacle(order) !== null) return false;
  queue.add({
    order,
    resume: () => served.push(name),
    displace: () => displaced.push(name),
  });
  return true;
}

function flood(networks: number, each: number, order: HashOrder = {}): void {
  for (let i = 0; i < networks; i++) {
    for (let j = 0; j < each; j++) enter(`attack ${i}.${j}`, { ...order, network: `attack ${i}` });
  }
}

function serve(count = Infinity): string[] {
  for (let i = 0; i < count; i++) {
    const next = queue.next();
    if (next === undefined) break;
    next.resume();
  }
  return served;
}

test("networks take turns, each with its passwords in the order of their arrival", () => {
  for (const name of ["a1", "a2", "a3", "b1", "b2", "c1"]) enter(name, { network: name[0]! });
  expect(serve()).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
  expect(queue.size).toBe(0);
});

test("a network that comes anew finds a place, and its turn, though eight others fill the queue", () => {
  flood(8, 8);
  expect(queue.size).toBe(LIMIT);
  for (let i = 0; i < 20; i++) expect(enter(`honest ${i}`, { network: `honest ${i}` })).toBe(true);
  expect(queue.size).toBe(LIMIT);
  expect(displaced).toHaveLength(20);
  expect(displaced.every((name) => name.startsWith("attack"))).toBe(true);
  // Of each attacker two or three, those that came last.
  expect(displaced.filter((name) => name.endsWith(".7"))).toHaveLength(8);
  const honest = serve(28).filter((name) => name.startsWith("honest"));
  expect(honest).toHaveLength(20);
});

test("who keeps attacking wins no place back from a network that has fewer", () => {
  flood(8, 8);
  enter("honest", { network: "honest" });
  flood(8, 8);
  expect(displaced).toEqual(["attack 0.7"]);
  expect(queue.obstacle({ network: "attack 0" })).toBe("full");
  expect(queue.obstacle({ network: "attack 1" })).toBe("network");
  expect(serve()).toContain("honest");
});

test("a sign-in goes before new accounts, and has the place of one in a full queue", () => {
  flood(64, 1, { isNewAccount: true });
  expect(enter("another account", { network: "b", isNewAccount: true })).toBe(false);
  expect(enter("sign-in", { network: "c" })).toBe(true);
  expect(displaced).toHaveLength(1);
  expect(serve(1)).toEqual(["sign-in"]);
});

test("where as many networks wait as there are places, no one loses its own", () => {
  flood(64, 1);
  expect(enter("late", { network: "late" })).toBe(false);
  expect(displaced).toEqual([]);
});

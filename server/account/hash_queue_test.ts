/** Whose password is checked next, and who finds a place. */

import { beforeEach, describe, expect, test } from "bun:test";
import { type HashOrder, HashQueue } from "./hash_queue.ts";

const LIMIT = 64;

/** As long as a hash takes where one is made at a time. */
const SERVED_EVERY_MS = 300;

let nowMs: number;
let queue: HashQueue;
let displaced: string[];
let served: string[];

beforeEach(() => {
  nowMs = 0;
  queue = new HashQueue({ limit: LIMIT, limitPerNetwork: 8, clock: { monotonic: () => nowMs } });
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

test("a newly arriving network finds a place, and its turn, though eight others fill the queue", () => {
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

/** Attackers ask at every step, and one is served every 300 ms. */
function attackFor(ms: number, { everyMs, networkAt }: Attack): void {
  const endMs = nowMs + ms;
  for (let i = 0; nowMs < endMs; nowMs += everyMs, i++) {
    enter("attack", { network: networkAt(i) });
    if (nowMs % SERVED_EVERY_MS === 0) serve(1);
  }
}

interface Attack {
  everyMs: number;
  networkAt(i: number): string;
}

const scattered = (i: number) => `${i % 50}.${i % 7}.${i % 97}.${i % 101}`;
const ofOneProvider = (i: number) => `2001:db8:${(i >> 16).toString(16)}:${i.toString(16)}`;

test.each<[string, Attack]>([
  ["thousands of networks", { everyMs: 100, networkAt: scattered }],
  ["ever new networks of one provider", { everyMs: 100, networkAt: ofOneProvider }],
])("a person of a newly arriving network is served next while %s sign in", (_name, attack) => {
  attackFor(5 * 60_000, attack);
  expect(queue.size).toBe(LIMIT);
  for (const person of ["a", "b"]) {
    expect(enter(person, { network: `198.51.100.${person}` })).toBe(true);
    attackFor(1000, attack);
    expect(served).toContain(person);
  }
  expect(displaced).not.toContain("a");
});

test("what was served is forgotten with time: yesterday's network goes before this hour's", () => {
  const [yesterday, today] = ["192.0.2.1", "203.0.113.1"];
  for (let i = 0; i < 5; i++) enter("yesterday", { network: yesterday });
  serve();
  nowMs += 24 * 3_600_000;
  enter("today", { network: today });
  serve();
  served.length = 0;
  enter("today", { network: today });
  enter("yesterday", { network: yesterday });
  expect(serve()).toEqual(["yesterday", "today"]);
});

test("where as many networks wait as there are places, and all are new, no one loses its own", () => {
  flood(64, 1);
  expect(enter("late", { network: "late" })).toBe(false);
  expect(displaced).toEqual([]);
});

describe("while more than a thousand new networks of as many new providers sign in", () => {
  /** Of persons who sign in once each, one every three seconds, the part that is served. */
  function servedPart(orderOf: (person: number) => HashOrder): number {
    const persons = 20;
    let asked = 0;
    const networkAt = () => `${1 + asked % 199}.${asked % 251}.1.${asked++ % 101}`;
    const attack = (ms: number) => attackFor(ms, { everyMs: 50, networkAt });
    attack(10_000);
    for (let person = 0; person < persons; person++) {
      enter(`person ${person}`, orderOf(person));
      attack(3_000);
    }
    return served.filter((name) => name.startsWith("person")).length / persons;
  }

  test("a person who is as new as they are finds a place as seldom as they do", () => {
    expect(servedPart((person) => ({ network: `${200 + person}.1.1.1` }))).toBeLessThan(0.5);
  });

  const network = "198.51.100.7";

  test("everyone of an office finds one who has signed in from there before", () => {
    expect(servedPart((person) => ({ network, knownAccount: `acc_${person}` }))).toBe(1);
  });

  test("one account has a few places an hour, and takes away no other's", () => {
    expect(servedPart(() => ({ network, knownAccount: "acc_attack" }))).toBeLessThan(0.25);
    expect(enter("person", { network, knownAccount: "acc_person" })).toBe(true);
  });
});

import { edenGC, fullGC } from "bun:jsc";
import { expect, test } from "bun:test";
import { EphemeralMap } from "./ephemeral_map.ts";

test("has what was set and not removed, in that order", () => {
  const map = new EphemeralMap<number, string>();
  for (const [key, value] of ["a", "b", "c"].entries()) map.set(key, value);
  expect([map.delete(1), map.delete(1), map.delete(9)]).toEqual([true, false, false]);
  map.set(1, "d");
  map.set(0, "e");
  expect([map.size, map.get(0), map.get(9), map.has(1), map.has(9)])
    .toEqual([3, "e", undefined, true, false]);
  expect([...map]).toEqual([[0, "e"], [2, "c"], [1, "d"]]);
  expect([...map.keys()]).toEqual([0, 2, 1]);
  expect([...map.values()]).toEqual(["e", "c", "d"]);
  map.clear();
  expect([map.size, map.get(0), [...map]]).toEqual([0, undefined, []]);
});

test("an entry may be removed while all are gone through", () => {
  const map = new EphemeralMap<number, number>();
  for (let key = 0; key < 6; key++) map.set(key, key);
  const met: number[] = [];
  for (const [key] of map) {
    met.push(key);
    map.delete(key);
    map.delete(3);
  }
  expect([met, map.size]).toEqual([[0, 1, 2, 4, 5], 0]);
});

test("a collection of the young frees what was removed, however many come and go", async () => {
  const map = new EphemeralMap<number, object>();
  const removed: WeakRef<object>[] = [];
  fullGC();
  for (let key = 0; key < 4_000; key++) {
    const value = { key };
    map.set(key, value);
    if (key < 50) continue;
    removed.push(new WeakRef(map.get(key - 50)!));
    map.delete(key - 50);
    if (key % 50 > 0) continue;
    await new Promise((resolve) => setImmediate(resolve));
    if (key % 1_000 === 0) edenGC();
  }
  await new Promise((resolve) => setImmediate(resolve));
  edenGC();
  // The stack may still hold some.
  expect(removed.filter((value) => value.deref() !== undefined).length).toBeLessThan(400);
});

import { expect, test } from "bun:test";
import { Multimap } from "./multimap.ts";

test("a key has each of its values once, in the order in which they were added", () => {
  const multimap = new Multimap<string, number>();
  for (const value of [2, 1, 2]) multimap.add("a", value);
  multimap.add("b", 1);
  expect([...multimap.of("a")]).toEqual([2, 1]);
  expect([...multimap.values()]).toEqual([2, 1, 1]);
});

test("a value is removed from its own key alone", () => {
  const multimap = new Multimap<string, number>();
  for (const key of ["a", "b"]) multimap.add(key, 1);
  multimap.delete("a", 1);
  multimap.delete("a", 1);
  multimap.delete("b", 2);
  multimap.delete("c", 1);
  expect([...multimap.of("a")]).toEqual([]);
  expect([...multimap.of("b")]).toEqual([1]);
});

test("a key that loses its last value and gets another one keeps none of before", () => {
  const multimap = new Multimap<string, number>();
  multimap.add("a", 1);
  const before = multimap.of("a");
  multimap.delete("a", 1);
  multimap.add("a", 2);
  expect([...multimap.of("a")]).toEqual([2]);
  // The set of before is not the key's any more: an empty one takes no memory.
  expect([...before]).toEqual([]);
});

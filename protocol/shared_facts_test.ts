import { expect, test } from "bun:test";
import { anyOf, everyOf, leastOf } from "./shared_facts.ts";

test("a flag holds where every server states it, and is unknown where one says nothing", () => {
  expect(everyOf([true, true])).toBe(true);
  expect(everyOf([true, null])).toBeNull();
  expect(everyOf([undefined, true])).toBeNull();
  expect(everyOf([])).toBeNull();
});

test("one server without it is enough for a flag not to hold", () => {
  expect(everyOf([true, false])).toBe(false);
  expect(everyOf([false, null])).toBe(false);
  expect(everyOf([undefined, false])).toBe(false);
});

test("a number is the least of all, and unknown where one server says nothing", () => {
  expect(leastOf([8192, 4096, 9000])).toBe(4096);
  expect(leastOf([8192])).toBe(8192);
  expect(leastOf([8192, null])).toBeNull();
  expect(leastOf([undefined, 4096])).toBeNull();
  expect(leastOf([])).toBeNull();
});

test("one server with it is enough for a flag of any", () => {
  expect(anyOf([false, true, null])).toBe(true);
  expect(anyOf([false, false])).toBe(false);
  expect(anyOf([false, undefined])).toBeNull();
  expect(anyOf([])).toBeNull();
});

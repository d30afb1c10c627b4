import { expect, test } from "bun:test";
import { PrefixCache } from "./prefix_cache.ts";

test("what was read before is known, as far as it is the same from the start", () => {
  const cache = new PrefixCache(1000);
  expect(cache.read(["one", "three"])).toBe(0);
  expect(cache.read(["one", "three", "four"])).toBe(8);
  expect(cache.read(["one", "other"])).toBe(3);
  expect(cache.read(["three"])).toBe(0);
});

test("what was used longest ago is forgotten when the cache is full", () => {
  const cache = new PrefixCache(10);
  cache.read(["aaaa"]);
  cache.read(["bbbb"]);
  cache.read(["aaaa"]);
  cache.read(["cccc"]);
  expect(cache.read(["aaaa"])).toBe(4);
  expect(cache.read(["bbbb"])).toBe(0);
});

import { expect, test } from "bun:test";
import { LruCache } from "./lru.ts";

test("the entry that was unused for longest makes room for the next one", () => {
  const cache = new LruCache<string, number>(2);
  cache.set("a", 1);
  cache.set("b", 2);
  cache.get("a");
  cache.set("c", 3);
  expect([...cache.keys()].sort()).toEqual(["a", "c"]);
});

test("it never holds more than it may, however often entries come, change and go", () => {
  const cache = new LruCache<number, number>(100);
  for (let i = 0; i < 10_000; i++) {
    cache.set(i, i);
    if (i % 3 === 0) cache.delete(i - 50);
    if (i % 5 === 0) cache.set(i - 1, -i);
    expect(cache.size).toBeLessThanOrEqual(100);
  }
  expect(cache.get(9_999)).toBe(9_999);
});

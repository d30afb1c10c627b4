import { expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import { type Bucketed, BucketQueue } from "./bucket_queue.ts";

interface Item extends Bucketed<Item> {
  name: string;
}

function item(name: string): Item {
  return { name, bucket: null, index: 0 };
}

test("the lowest bucket has all items of the lowest key, whatever was added, moved and removed", () => {
  const steps = fc.array(fc.record({
    what: fc.constantFrom("add", "move", "remove"),
    which: fc.nat(9),
    key: fc.nat(4),
  }));
  fc.assert(fc.property(steps, (steps) => {
    const queue = new BucketQueue<Item>();
    const items = Array.from({ length: 10 }, (_, i) => item(`item ${i}`));
    const keys = new Map<Item, number>();
    for (const { what, which, key } of steps) {
      const one = items[which]!;
      if (what === "remove") {
        queue.remove(one);
        keys.delete(one);
      } else if (keys.has(one)) {
        queue.move(one, key);
        keys.set(one, key);
      } else if (what === "add") {
        queue.add(one, key);
        keys.set(one, key);
      }
      const lowest = Math.min(...keys.values());
      const expected = items.filter((one) => keys.get(one) === lowest).map(({ name }) => name);
      expect(queue.lowest?.items.map(({ name }) => name).toSorted() ?? []).toEqual(expected);
      if (queue.lowest !== undefined) expect(queue.lowest.key).toBe(lowest);
      for (const one of items) expect(one.bucket?.key).toBe(keys.get(one));
    }
  }));
});

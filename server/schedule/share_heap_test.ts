import { expect, test } from "bun:test";
import { seeded } from "../base/testing/random.ts";
import { ShareHeap } from "./share_heap.ts";

test("items stay in order whatever is added, moved and removed", () => {
  const random = seeded(4);
  const heap = new ShareHeap<{ key: number; place: number }>((a, b) => a.key < b.key);
  const items: { key: number; place: number }[] = [];
  for (let step = 0; step < 3_000; step++) {
    const item = items[Math.floor(random() * items.length)];
    const deed = random();
    if (item === undefined || deed < 0.4 && items.length < 60) {
      items.push({ key: random(), place: -1 });
      heap.add(items.at(-1)!);
    } else if (deed < 0.7) {
      item.key = random();
      heap.moved(item);
    } else {
      heap.remove(item);
      items.splice(items.indexOf(item), 1);
      expect(item.place).toBe(-1);
    }
    const sorted = items.map(({ key }) => key).sort((a, b) => a - b);
    expect([...heap.inOrder()].map(({ key }) => key)).toEqual(sorted);
    expect([heap.first?.key, heap.size]).toEqual([sorted[0], items.length]);
  }
});

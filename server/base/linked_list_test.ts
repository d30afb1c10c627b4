import { expect, test } from "bun:test";
import { type Linked, LinkedList } from "./linked_list.ts";

interface Item extends Linked<Item> {
  readonly name: string;
}

function listOf(...names: string[]) {
  const list = new LinkedList<Item>();
  const items = names.map((name): Item => ({ name, before: null, after: null }));
  for (const item of items) list.add(item);
  const held = () => [...list].map(({ name }) => name).join("");
  return { list, items, held };
}

test("keeps the order in which items were added, wherever one is removed", () => {
  const { list, items: [a, b, c, d], held } = listOf("a", "b", "c", "d");
  expect([held(), list.first]).toEqual(["abcd", a!]);
  list.remove(b!);
  expect(held()).toBe("acd");
  list.remove(d!);
  expect(held()).toBe("ac");
  list.remove(a!);
  expect([held(), list.first]).toEqual(["c", c!]);
  list.add(a!);
  expect(held()).toBe("ca");
  for (const item of [a, c]) list.remove(item!);
  expect([held(), list.first]).toEqual(["", null]);
});

test("an item that was removed leads to no other", () => {
  const { list, items } = listOf("a", "b", "c");
  list.remove(items[1]!);
  expect(items[1]).toEqual({ name: "b", before: null, after: null });
});

test("the item at which one is may be removed", () => {
  const { list, held } = listOf("a", "b", "c");
  const met: string[] = [];
  for (const item of list) {
    met.push(item.name);
    list.remove(item);
  }
  expect([met, held()]).toEqual([["a", "b", "c"], ""]);
});

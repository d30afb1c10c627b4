import { expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { Node } from "../node/node.ts";
import { type NodePage, NodePages } from "./node_pages.ts";

const connection = { start: () => null, close() {} };

function node(id: string, models: string[], accountId = "alice"): Node {
  const who = { publicId: id, nodeKey: `key of ${id}`, accountId, keyId: "key" };
  return new Node(who, { name: id, agent: null, maxParallel: 1, models }, connection, 0);
}

function world(nodes: Node[]) {
  const clock = new FakeClock();
  const pages = new NodePages({ hub: { nodes: () => nodes }, penalties: { of: () => [] }, clock });
  const read = (after = "", viewerId: string | null = null) =>
    JSON.parse(Buffer.from(pages.page(after, viewerId)).toString()) as NodePage;
  return { clock, pages, read };
}

test("a long list comes in pages of few bytes, each node once, by id", () => {
  const models = Array.from({ length: 1000 }, (_, i) => `model-${i}-${"x".repeat(90)}`);
  const { pages, read } = world(["c", "a", "e", "b", "d"].map((id) => node(id, models)));
  const ids: string[] = [];
  let count = 0;
  for (let after: string | null = ""; after !== null; count++) {
    expect(pages.page(after, null).byteLength).toBeLessThan(256 * 1024 + 110 * 1000);
    const page: NodePage = read(after);
    ids.push(...page.nodes.map(({ id }) => id));
    after = page.next;
  }
  expect(ids).toEqual(["a", "b", "c", "d", "e"]);
  expect(count).toBe(2);
});

test("a short list is one page, and so is none", () => {
  expect(world([node("a", ["m"])]).read()).toMatchObject({ nodes: [{ id: "a" }], next: null });
  expect(world([]).read()).toEqual({ nodes: [], next: null });
});

test("visitors without a session share the bytes for a second; accounts see which are theirs", async () => {
  const nodes = [node("a", ["m"])];
  const { clock, pages, read } = world(nodes);
  const first = pages.page("", null);
  nodes.push(node("b", ["m"], "bob"));
  await clock.pass(999);
  expect(pages.page("", null)).toBe(first);
  expect(read("", "bob").nodes.map(({ id, mine }) => [id, mine])).toEqual([["a", false], [
    "b",
    true,
  ]]);
  await clock.pass(1);
  expect(read().nodes).toHaveLength(2);
  for (let i = 0; i < 100; i++) pages.page(`made up ${i}`, null);
  expect(read("a").nodes.map(({ id }) => id)).toEqual(["b"]);
});

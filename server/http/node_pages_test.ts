import { expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { Onlooker } from "../node/audience.ts";
import { Hub } from "../node/hub.ts";
import { Node } from "../node/node.ts";
import { testAudienceOf } from "../node/testing/group_book.ts";
import { type NodePage, NodePages } from "./node_pages.ts";

const connection = { start: () => null, close() {} };

function node(id: string, models: string[], accountId = "alice"): Node {
  const who = { publicId: id, nodeKey: `key of ${id}`, accountId, keyId: "key" };
  return new Node(who, { name: id, agent: null, maxParallel: 1, models }, connection, 0);
}

function onlooker(accountId: string | null, isAdmin = false) {
  return accountId === null ? null : { accountId, groups: [], isAdmin };
}

function world(nodes: Node[]) {
  const clock = new FakeClock();
  let written = 0;
  const penalties = {
    of() {
      written++;
      return [];
    },
  };
  const names = {
    isListed: (model: string, groups: readonly string[]) =>
      model.startsWith("lab-") ? groups.includes("lab") : !model.startsWith("hidden"),
  };
  const pages = new NodePages({ hub: { nodes: () => nodes }, penalties, names, clock });
  const read = (after = "", viewerId: string | null = null) =>
    JSON.parse(Buffer.from(pages.page(after, onlooker(viewerId))).toString()) as NodePage;
  return { clock, pages, read, written: () => written };
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

test("a node that is not for everyone is listed for its owner, for those whom it is for, and for administrators", () => {
  const lab = node("lab", ["secret"], "alice");
  const { pages } = world([node("open", ["m"]), lab]);
  const hub = new Hub({ audienceOf: testAudienceOf });
  hub.add(lab);
  const machine = { os: "macOS 15.1", arch: "arm64", gpus: [], policy: null };
  hub.update(lab, { ...lab.offer, shareWith: ["group:lab"], machine });
  const nodesFor = (viewer: Onlooker | null) => {
    const { nodes } = JSON.parse(Buffer.from(pages.page("", viewer)).toString()) as NodePage;
    return nodes;
  };
  const read = (viewer: Onlooker | null) =>
    nodesFor(viewer).map(({ id, share_with }) => `${id} ${share_with}`);
  const bob = { accountId: "bob", groups: [], isAdmin: false };
  expect(read(null)).toEqual(["open null"]);
  expect(read(bob)).toEqual(["open null"]);
  expect(read({ ...bob, groups: ["lab"] })).toEqual(["lab null", "open null"]);
  expect(read({ ...bob, accountId: "alice" })).toEqual(["lab group:lab", "open everyone"]);
  expect(read({ ...bob, isAdmin: true })).toEqual(["lab group:lab", "open everyone"]);
  // Its machine is described to its owner and to administrators alone.
  expect(nodesFor({ ...bob, groups: ["lab"] })[0]!.machine).toBeNull();
  expect(nodesFor({ ...bob, accountId: "alice" })[0]!.machine).toEqual(machine);
  expect(nodesFor({ ...bob, isAdmin: true })[0]!.machine).toEqual(machine);
});

test("a group's model is listed for the group's members, and for no other", () => {
  const { pages } = world([node("open", ["m", "lab-1", "hidden"])]);
  const modelsFor = (viewer: Onlooker | null) =>
    (JSON.parse(Buffer.from(pages.page("", viewer)).toString()) as NodePage)
      .nodes[0]!.supported_models;
  const bob = { accountId: "bob", groups: [], isAdmin: false };
  expect(modelsFor(null)).toEqual(["m"]);
  expect(modelsFor(bob)).toEqual(["m"]);
  expect(modelsFor({ ...bob, groups: ["lab"] })).toEqual(["m", "lab-1"]);
});

test("a page after a place that was never asked for is fresh, as long as that costs little", () => {
  const nodes = [node("a", ["m"])];
  const { read } = world(nodes);
  expect(read("!1").nodes).toHaveLength(1);
  nodes.push(node("b", ["m"]));
  expect(read("!2").nodes).toHaveLength(2);
});

test("however many pages visitors ask for, what is written for them is bounded by the second", async () => {
  const models = Array.from({ length: 1000 }, (_, i) => `model-${i}-${"x".repeat(90)}`);
  const nodes = Array.from(
    { length: 100 },
    (_, i) => node(`n${String(i).padStart(3, "0")}`, models),
  );
  const { clock, pages, written } = world(nodes);
  const askForAll = () => {
    for (let i = 0; i < 300; i++) pages.page(`n${String(i % 100).padStart(3, "0")}${i}`, null);
  };
  // Each is some 100 KiB: 4 MiB at once, and the last list to its end.
  const burst = 40 + nodes.length;
  askForAll();
  expect(written()).toBeLessThan(burst);
  for (let second = 1; second <= 3; second++) {
    await clock.pass(1000);
    askForAll();
    expect(written()).toBeLessThan(burst + second * 45);
  }
});

test("a page is written once, however often visitors ask for it while the list may not be made anew", () => {
  const models = Array.from({ length: 1000 }, (_, i) => `model-${i}-${"x".repeat(90)}`);
  const { pages } = world(Array.from({ length: 60 }, (_, i) => node(`n${100 + i}`, models)));
  // Until as much was written as may be.
  for (let i = 0; i < 40; i++) pages.page("n120", null);
  expect(pages.page("n120", null)).toBe(pages.page("n120", null));
  expect(pages.page("n120, and nothing until n121", null)).toBe(pages.page("n120", null));
});

test("a list that is too long to be kept is shown whole all the same", () => {
  const models = Array.from({ length: 1000 }, (_, i) => `model-${i}-${"x".repeat(180)}`);
  const { pages } = world(Array.from({ length: 100 }, (_, i) => node(`n${100 + i}`, models)));
  const ids: string[] = [];
  for (let after: string | null = ""; after !== null;) {
    const page = JSON.parse(Buffer.from(pages.page(after, null)).toString()) as NodePage;
    ids.push(...page.nodes.map(({ id }) => id));
    after = page.next;
  }
  expect(ids).toEqual(Array.from({ length: 100 }, (_, i) => `n${100 + i}`));
});

test("models that lists leave out show to the node's owner and to administrators alone", () => {
  const { pages } = world([node("a", ["m", "hidden"])]);
  const models = (viewer: Onlooker | null) => {
    const page = JSON.parse(Buffer.from(pages.page("", viewer)).toString()) as NodePage;
    return page.nodes[0]?.supported_models;
  };
  expect(models(null)).toEqual(["m"]);
  expect(models(onlooker("bob"))).toEqual(["m"]);
  expect(models(onlooker("alice"))).toEqual(["m", "hidden"]);
  expect(models(onlooker("bob", true))).toEqual(["m", "hidden"]);
});

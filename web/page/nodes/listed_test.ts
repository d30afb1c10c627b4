import { expect, test } from "bun:test";
import type { NodeView, OwnNodeView } from "../../../api/mod.ts";
import { installBrowser } from "../../testing/browser.ts";
import { aNode } from "../../testing/node.ts";

installBrowser();
const { isLongAway, listed, narrowed, orderIn, orderText, sorted, stateOf } = await import(
  "./listed.ts"
);

const node = (name: string, changes: Partial<NodeView> = {}) =>
  aNode({ id: name, name, max_parallel: 1, ...changes });

const gone = { at: 1, code: "lost", close_code: 1006 } as const;
const away: OwnNodeView = {
  id: "garage",
  name: "garage",
  label: null,
  live: null,
  models: ["phi"],
  max_parallel: 1,
  agent: null,
  machine: null,
  first_seen_at: 0,
  last_seen_at: 5,
  gone,
  paused_at: null,
  paused_until: null,
  approved_at: null,
  key_id: "k",
};

const all = listed({
  connected: [node("b10"), node("b9", { mine: true }), node("sick", { state: "penalized" })],
  gone: [{ last: node("went"), gone }],
  error: null,
}, [away, { ...away, id: "b9" }]);

test("nodes are sorted by name with numbers in order, disconnected and own ones among them", () => {
  expect(sorted(all, orderIn("name")).map(({ name }) => name)).toEqual([
    "b9",
    "b10",
    "garage",
    "sick",
    "went",
  ]);
  expect(sorted(all, orderIn("name")).map(stateOf))
    .toEqual(["ready", "ready", "away", "penalized", "away"]);
});

test("a list is filtered by state, by owner and by every word of the query", () => {
  const names = (view: Parameters<typeof narrowed>[1], query = "") =>
    sorted(narrowed(all, view, query), orderIn("name")).map(({ name }) => name);
  expect(names("working")).toEqual(["b9", "b10"]);
  expect(names("attention")).toEqual(["garage", "sick", "went"]);
  expect(names("mine")).toEqual(["b9", "garage"]);
  expect(names("all", "PHI gar")).toEqual(["garage"]);
});

test("what needs attention comes first: a cooling node, then those that vanished, then the others", () => {
  expect(sorted(all, orderIn("")).map(({ name }) => name))
    .toEqual(["sick", "garage", "went", "b9", "b10"]);
});

test("a column's second sort is the reverse, and what is not known stays at the end", () => {
  const speed = (id: string, tokens_per_second: number | null) => ({
    id,
    first_token_p50_ms: 1,
    tokens_per_second,
  });
  const connected = ["a", "b", "c", "d"].map((name) => node(name));
  const speeds = [speed("a", 20), speed("b", 60), speed("d", null)];
  const nodes = listed({ connected, gone: [], error: null }, [], [], speeds);
  const names = (order: string) => sorted(nodes, orderIn(order)).map(({ name }) => name).join("");
  expect(names("speed")).toBe("bacd");
  expect(names("-speed")).toBe("abcd");
  expect(names("-name")).toBe("dcba");
  expect(
    ["", "-name", "name", "speed", "nonsense", "-trouble"].map((text) => orderText(orderIn(text))),
  ).toEqual(["", "-name", "name", "speed", "", "-trouble"]);
});

test("a node is found by its graphics processor and its system", () => {
  const machine = {
    os: "Ubuntu 24.04",
    arch: "x64",
    gpus: [{ name: "NVIDIA L4", memory_bytes: null }],
    policy: null,
  };
  const nodes = listed(
    { connected: [node("a", { machine }), node("b")], gone: [], error: null },
    [],
  );
  expect(narrowed(nodes, "all", "l4 ubuntu").map(({ name }) => name)).toEqual(["a"]);
});

test("nodes of one name are distinguished by the end of their ids, others need no mark", () => {
  const twins = listed({
    connected: [
      node("pc", { id: "node_aaaa1111" }),
      node("pc", { id: "node_bbbb2222" }),
      node("x"),
    ],
    gone: [],
    error: null,
  }, []);
  expect(twins.map(({ mark }) => mark)).toEqual(["1111", "2222", null]);
});

test("a node is long away when it was last there more than a day ago", () => {
  const [garage] = listed({ connected: [], gone: [], error: null }, [away]);
  expect([isLongAway(garage!, 86_400_000), isLongAway(garage!, 86_400_002)]).toEqual([false, true]);
});

test("an administrator sees the owners of all nodes, and those of others that are away", () => {
  const row = (id: string, connected: boolean) => ({
    id,
    name: id,
    owner_id: "o",
    owner_email: "o@lab.example",
    connected,
    models: [],
    agent: null,
    machine: null,
    first_seen_at: 0,
    last_seen_at: 7,
    approved_at: null,
    paused_at: null,
  });
  const nodes = listed({ connected: [node("here")], gone: [], error: null }, [], [
    row("here", true),
    row("there", false),
  ]);
  expect(nodes.map(({ id, owner, live }) => [id, owner, live !== null]))
    .toEqual([["here", "o@lab.example", true], ["there", "o@lab.example", false]]);
});

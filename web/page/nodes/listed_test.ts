import { expect, test } from "bun:test";
import type { NodeView, OwnNodeView } from "../../../api/mod.ts";
import { listed, narrowed, stateOf } from "./listed.ts";
import { aNode } from "../../testing/node.ts";

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
  expect(all.map(({ name }) => name)).toEqual(["b9", "b10", "garage", "sick", "went"]);
  expect(all.map(stateOf)).toEqual(["ready", "ready", "away", "penalized", "away"]);
});

test("a list is filtered by state, by owner and by every word of the query", () => {
  const names = (view: Parameters<typeof narrowed>[1], query = "") =>
    narrowed(all, view, query).map(({ name }) => name);
  expect(names("working")).toEqual(["b9", "b10"]);
  expect(names("attention")).toEqual(["garage", "sick", "went"]);
  expect(names("mine")).toEqual(["b9", "garage"]);
  expect(names("all", "PHI gar")).toEqual(["garage"]);
});

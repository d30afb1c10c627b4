import { expect, test } from "bun:test";
import { anEntry } from "../store/testing/store_suite.ts";
import { callView, type Names } from "./call_history.ts";

const names: Names = {
  keys: new Map([["key", "laptop"]]),
  nodes: new Map([["own", "studio"], ["other", "attic"]]),
  own: new Set(["own"]),
};

test("a call that its first attempt ended has that attempt, with the call's end", () => {
  const entry = anEntry({ nodeId: "own", queuedMs: 2, durationMs: 10, attemptLog: [] });
  const endOf = (change: Partial<typeof entry>) =>
    callView({ ...entry, ...change }, "made", names).attempts;
  const attempt = { node: "own", node_name: "studio", start_ms: 2, duration_ms: 8 };
  expect(endOf({ outcome: "ok" })).toEqual([{ ...attempt, end: "ok" }]);
  expect(endOf({ outcome: "ok", cause: "slow" })).toEqual([{ ...attempt, end: "ok" }]);
  expect(endOf({ outcome: "timeout", cause: "upstream_timeout" }))
    .toEqual([{ ...attempt, end: "upstream_timeout" }]);
  expect(endOf({ outcome: "timeout", cause: null })).toEqual([{ ...attempt, end: "timeout" }]);
  expect(endOf({ nodeId: null, outcome: "rejected" })).toEqual([]);
});

test("a node's owner sees neither the caller's key nor attempts on nodes of others", () => {
  const attempt = { startMs: 0, durationMs: 1, end: "ok" };
  const entry = anEntry({
    keyId: "key",
    nodeId: "own",
    attemptLog: [{ ...attempt, node: "other" }, { ...attempt, node: "own" }],
  });
  const made = callView(entry, "made", names);
  expect(made).toMatchObject({ key_id: "key", key_name: "laptop", node_name: "studio" });
  expect(made.attempts.map(({ node_name: name }) => name)).toEqual(["attic", "studio"]);
  const provided = callView(entry, "provided", names);
  expect(provided).toMatchObject({ key_id: null, key_name: null });
  expect(provided.attempts.map(({ node }) => node)).toEqual(["own"]);
});

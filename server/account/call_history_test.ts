import { expect, test } from "bun:test";
import { anEntry } from "../store/testing/store_suite.ts";
import { callView, choiceView, type Names } from "./call_history.ts";

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

test("how often callers came back is shown to the account that called alone", () => {
  const replays = { count: 2, last: [{ atMs: 900, afterEvent: 3, wasEnded: true }] };
  const entry = anEntry({ replays });
  expect(callView(entry, "made", names).replays)
    .toEqual({ count: 2, last: [{ at_ms: 900, after_event: 3, was_ended: true }] });
  expect(callView(entry, "provided", names).replays).toBeNull();
});

test("a node that was only compared shows to a caller who may see it now, and to no other owner", () => {
  const candidate = {
    firstMs: 100,
    endMs: 900,
    loadMs: 0,
    heldChars: 0,
    freeSlots: 1,
    isMeasured: true,
  };
  const compared = ["own", "other", "hidden"].map((node) => ({ node, ...candidate }));
  const entry = anEntry({
    nodeId: "own",
    queuedMs: 50,
    firstByteMs: 250,
    durationMs: 1_050,
    outcome: "ok",
    attemptLog: [],
    choice: { node: "own", isTrial: false, compared },
  });
  const visible = new Set(["other"]);
  const made = choiceView(entry, "made", { ...names, own: new Set() }, visible)!;
  expect(made).toMatchObject({ trial: false, real_first_ms: 200, real_end_ms: 1_000 });
  expect(made.candidates.map(({ node, node_name, chosen }) => [node, node_name, chosen])).toEqual([
    ["own", "studio", true],
    ["other", "attic", false],
    [null, null, false],
  ]);
  const provided = choiceView(entry, "provided", names, visible)!;
  expect(provided.candidates.map(({ node }) => node)).toEqual(["own"]);
  const failed = choiceView({ ...entry, outcome: "timeout" }, "made", names, visible);
  expect(failed).toMatchObject({ real_end_ms: null });
  expect(choiceView({ ...entry, choice: null }, "made", names, visible)).toBeNull();
});

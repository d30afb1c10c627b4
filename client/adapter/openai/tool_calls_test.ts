import { expect, test } from "bun:test";
import type { Json } from "../json_object.ts";
import { ToolCallTracker } from "./tool_calls.ts";

/** A delta in short: index, id, name, arguments. */
type Delta = [index: number | null, id?: string | null, name?: string | null, text?: string];

/** The repaired deltas, each as a list of its own, and whether each was changed. */
function repair(...deltas: Delta[]) {
  const tracker = new ToolCallTracker();
  return deltas.map(([index, id, name, text = ""]) => {
    const call: Json = {
      ...(index === null ? {} : { index }),
      ...(id ? { id } : {}),
      function: { ...(name ? { name } : {}), arguments: text },
    };
    const changed = tracker.repair([call]);
    return [call.index, call.id, changed];
  });
}

/** The position of the call that each delta was given to. */
const places = (...deltas: Delta[]) => repair(...deltas).map(([index]) => index);

test("parallel calls under one index are distinguished by a new id with a name", () => {
  expect(places([0, "a", "f", "{}"], [0, "b", "g", "{}"], [0, null, null, " "])).toEqual([0, 1, 1]);
});

test("an id that changes with each delta, without a name, continues the call under its first id", () => {
  expect(repair([0, "a", "f", "{"], [0, "b", null, "}"])).toEqual([
    [0, "a", false],
    [0, undefined, true],
  ]);
});

test("an id and a name that are repeated are sent once", () => {
  const tracker = new ToolCallTracker();
  const delta = (text: string) => ({
    index: 0,
    id: "a",
    function: { name: "f", arguments: text },
  });
  const deltas = [[delta("{")], [delta("}")]];
  expect(deltas.map((each) => tracker.repair(each))).toEqual([false, true]);
  expect(deltas).toEqual([[delta("{")], [{ index: 0, function: { arguments: "}" } }] as never]);
});

test("a call without an id gets one with its first arguments, and keeps it", () => {
  const [first, second, third, late] = repair(
    [0, null, "f", "{"],
    [0, null, null, "}"],
    [0, null, "g", "{}"],
    [0, "late", null, " "],
  ).map(([, id]) => id);
  expect([first, third]).toEqual(Array(2).fill(expect.stringMatching(/^call_[0-9a-f]{32}$/)));
  expect(first).not.toBe(third);
  expect([second, late]).toEqual(Array(2).fill(undefined));
});

test("parallel calls under one index without ids are distinguished by a name after whole arguments", () => {
  expect(places([0, "", "f", '{"a":1}'], [0, "", "f", '{"a":2}'], [0, "", "f", "{}"]))
    .toEqual([0, 1, 2]);
});

test("an id or a name may come after the call has begun", () => {
  expect(places([0, null, null], [0, "a", "f", "{}"])).toEqual([0, 0]);
  expect(places([0, "a"], [0, null, "f", "{}"])).toEqual([0, 0]);
  expect(places([0, null, "f"], [0, "a", null, "{}"], [0, "b", "g"])).toEqual([0, 0, 1]);
  expect(places([null, null, "f"], [null, "a", null, "{}"])).toEqual([0, 0]);
});

test("an id repeated with the name continues its call", () => {
  expect(places([0, "a", "f", "{"], [0, "a", "f", "}"], [1, "a", "f", " "])).toEqual([0, 0, 0]);
});

test("a later delta under a reused index belongs to the newest call there", () => {
  expect(places([0, "a", "f"], [1, "b", "g"], [0, "c", "h"], [1, null, null, "{}"], [0]))
    .toEqual([0, 1, 2, 1, 2]);
});

test("without index and id, a name after whole arguments begins the next call", () => {
  expect(places([null, null, "f", '{"a":'], [null, null, null, "1}"], [null, null, "g", "{}"]))
    .toEqual([0, 0, 1]);
  expect(places([null, null, "f", "{"], [null, null, "f", "}"], [null, null, "f", "{}"]))
    .toEqual([0, 0, 1]);
});

test("deltas that are no objects are left alone", () => {
  const tracker = new ToolCallTracker();
  expect([null, "x", [], [null, 1]].map((deltas) => tracker.repair(deltas)))
    .toEqual([false, false, false, false]);
  expect(tracker.isEmpty).toBe(true);
});

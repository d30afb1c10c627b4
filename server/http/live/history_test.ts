import { expect, test } from "bun:test";
import { dataFor, type LiveEvent, LiveHistory } from "./history.ts";

function event(data: string, more: Partial<LiveEvent> = {}): LiveEvent {
  return { topic: "nodes", name: "node", data, onlyFor: null, own: null, ...more };
}

const dataSince = (history: LiveHistory, id: string): unknown[][] | null =>
  history.since(id)?.map(({ id, event }) => [id, event.data]) ?? null;

test("the events after one are found by its id, each with its own id", () => {
  const history = new LiveHistory();
  const before = history.lastId;
  const ids = ["a", "b", "c"].map((data) => history.add(event(data)));
  expect(new Set(ids).size).toBe(3);
  expect(dataSince(history, before)).toEqual([[ids[0], "a"], [ids[1], "b"], [ids[2], "c"]]);
  expect(dataSince(history, ids[1]!)).toEqual([[ids[2], "c"]]);
  expect(dataSince(history, ids[2]!)).toEqual([]);
  expect(history.lastId).toBe(ids[2]!);
});

test("an id of another history, of the future, or that is none is unknown", () => {
  const history = new LiveHistory();
  const id = history.add(event("a"));
  const epoch = id.split(".")[0];
  for (
    const unknown of [undefined, "", "x", `${epoch}`, `${epoch}.x`, `${epoch}.2`, `${epoch}.-1`]
  ) {
    expect([unknown, history.since(unknown)]).toEqual([unknown, null]);
  }
  expect(history.since(new LiveHistory().lastId)).toBeNull();
  history.forget();
  expect(history.since(id)).toBeNull();
  expect(history.since(history.lastId)).toEqual([]);
});

test("the oldest events are dropped, and the ids of the others stay", () => {
  const history = new LiveHistory();
  const ids = Array.from({ length: 2_001 }, (_, at) => history.add(event(String(at))));
  expect(history.since(ids[498]!)).toBeNull();
  expect(dataSince(history, ids[499]!)).toHaveLength(1_501);
  expect(dataSince(history, ids[1_999]!)).toEqual([[ids[2_000], "2000"]]);
});

test("long events are dropped sooner, and too many of them are not sent again", () => {
  const history = new LiveHistory();
  const long = "x".repeat(256 * 1024);
  const ids = Array.from({ length: 100 }, () => history.add(event(long)));
  expect(history.since(ids[10])).toBeNull();
  expect(history.since(ids[96])).toBeNull();
  expect(history.since(ids[97])).toHaveLength(2);
  history.forget();
  const [before, id] = [history.lastId, history.add(event("a"))];
  expect(dataSince(history, before)).toEqual([[id, "a"]]);
});

test("an event is for everybody, for one account, or for administrators", () => {
  const [me, admin] = [
    { accountId: "me", role: "user" },
    { accountId: "admin", role: "admin" },
  ] as const;
  expect(dataFor(event("x"), me)).toBe("x");
  expect(dataFor(event("x", { onlyFor: "me" }), me)).toBe("x");
  expect(dataFor(event("x", { onlyFor: "me" }), admin)).toBeNull();
  expect(dataFor(event("x", { isForAdmins: true }), me)).toBeNull();
  expect(dataFor(event("x", { isForAdmins: true }), admin)).toBe("x");
  const own = { accountId: "me", data: "mine" };
  expect(dataFor(event("x", { own }), me)).toBe("mine");
  expect(dataFor(event("x", { own }), admin)).toBe("x");
});

import { expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { OpenFailures } from "./open_failures.ts";

function start() {
  const clock = new FakeClock();
  const failures = new OpenFailures(clock);
  const note = (accountId: string, prompt = 1, likeness = "500 no", model = "m", node = "a") =>
    failures.note(node, model, { likeness, accountId, prompt });
  return { clock, failures, note };
}

test("the third account in a row that meets the same failure shows that it is the node's", () => {
  const { note } = start();
  expect([note("x"), note("y"), note("z")]).toEqual([false, false, true]);
  // Its row starts over.
  expect([note("x"), note("y"), note("z")]).toEqual([false, false, true]);
});

test("different prompts count, once two accounts meet the failure; of one account five are needed", () => {
  const { note } = start();
  expect([note("x", 1), note("x", 2), note("y", 1)]).toEqual([false, false, true]);
  expect([1, 2, 3, 4, 5].map((prompt) => note("x", prompt)))
    .toEqual([false, false, false, false, true]);
});

test("the same request again shows nothing new", () => {
  const { note } = start();
  for (let i = 0; i < 10; i++) expect(note("x")).toBe(false);
  expect([note("y"), note("y"), note("z")]).toEqual([false, false, true]);
});

test("a success, another failure, a minute or another node or model between them ends the row", async () => {
  const { clock, failures, note } = start();
  const fresh = () => [note("x"), note("y")];
  fresh();
  failures.succeeded("a", "m");
  expect(note("z")).toBe(false);
  failures.succeeded("a", "m");
  fresh();
  expect(note("z", 1, "502 other")).toBe(false);
  failures.succeeded("a", "m");
  fresh();
  await clock.pass(60_000);
  expect(note("z")).toBe(false);
  failures.succeeded("a", "m");
  fresh();
  expect(note("z", 1, "500 no", "n")).toBe(false);
  expect(note("z", 1, "500 no", "m", "b")).toBe(false);
  failures.succeeded("a", "other");
  await clock.pass(59_999);
  expect(note("z")).toBe(true);
});

test("a failure that turned out to be the request's is withdrawn", () => {
  const { failures, note } = start();
  note("x");
  note("y");
  failures.withdraw("a", "m", { accountId: "x", prompt: 1 });
  failures.withdraw("b", "m", { accountId: "y", prompt: 1 });
  failures.withdraw("a", "m", { accountId: "y", prompt: 2 });
  expect(note("z")).toBe(false);
  expect(note("w")).toBe(true);
});

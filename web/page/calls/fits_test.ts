import { expect, test } from "bun:test";
import type { CallFilter } from "../../../api/mod.ts";
import { aCall } from "../../testing/call.ts";
import { fits } from "./fits.ts";

const call = aCall();

test("a call that has just ended is listed when it matches every part of the filter", () => {
  const good: CallFilter[] = [{}, { model: "llama", key: "k1" }, { outcome: "failed" }, {
    status: 502,
    node: "n1",
  }, { from: 1_000, to: 1_001 }];
  const bad: CallFilter[] = [
    { side: "provided" },
    { model: "qwen" },
    { outcome: "ok" },
    {
      key: "k1",
      status: 200,
    },
    { from: 1_001 },
    { to: 1_000 },
  ];
  for (const filter of good) expect(fits(call, filter)).toBe(true);
  for (const filter of bad) expect(fits(call, filter)).toBe(false);
});

test("a call that its caller cancelled is no failure", () => {
  expect(fits({ ...call, outcome: "cancelled", status: 499 }, { outcome: "failed" })).toBe(false);
});

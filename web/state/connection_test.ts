import { expect, test } from "bun:test";
import { lostSinceMs, noteReached } from "./connection.ts";

test("an unreachable gateway counts as lost since its last answer, until it answers again", () => {
  noteReached(true, 1_000);
  expect(lostSinceMs.value).toBeNull();
  noteReached(false, 3_000);
  noteReached(false, 6_000);
  expect(lostSinceMs.value).toBe(1_000);
  noteReached(true, 9_000);
  expect(lostSinceMs.value).toBeNull();
  noteReached(false, 12_000);
  expect(lostSinceMs.value).toBe(9_000);
  noteReached(true);
});

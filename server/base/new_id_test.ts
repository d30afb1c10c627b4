import { describe, expect, test } from "bun:test";
import { newId } from "./new_id.ts";

describe("ids", () => {
  test("are in the order of their making, also within a millisecond", () => {
    const ids = Array.from({ length: 5000 }, () => newId("x-"));
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

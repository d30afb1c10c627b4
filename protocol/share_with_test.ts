import { describe, expect, test } from "bun:test";
import { mayCome, OWNER_AUDIENCE, shareWithProblems } from "./mod.ts";

describe("share_with", () => {
  test("a node for everyone takes calls of every audience, and without one", () => {
    for (const audience of [undefined, OWNER_AUDIENCE, "group:lab", "x"]) {
      expect(mayCome("everyone", audience)).toBe(true);
    }
  });

  test("a node that is not for everyone refuses a call without an audience, and with one that it did not name", () => {
    for (
      const audience of [undefined, "", "everyone", "group:other", "GROUP:LAB", "user:bob@x.y"]
    ) {
      expect(mayCome("me", audience)).toBe(false);
      expect(mayCome(["group:lab", "user:ann@x.y"], audience)).toBe(false);
    }
    expect(mayCome("me", "group:lab")).toBe(false);
    expect(mayCome(["group:lab", "user:ann@x.y"], "user:ann@x.y")).toBe(true);
  });

  test("its owner's calls may come in any case", () => {
    expect(mayCome("me", OWNER_AUDIENCE)).toBe(true);
    expect(mayCome(["group:lab"], OWNER_AUDIENCE)).toBe(true);
  });

  test("no name can be mistaken for the owner", () => {
    expect(shareWithProblems([OWNER_AUDIENCE])).not.toEqual([]);
    expect(shareWithProblems(["group:a\u202eb"])).not.toEqual([]);
  });
});

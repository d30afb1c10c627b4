import { expect, test } from "bun:test";
import { cursorOf, followingOf, pageOf, positionOf } from "./cursor.ts";

const rows = [5, 4, 3].map((at) => ({ at, id: `row-${at}` }));

test("a page has at most its limit, and a cursor only where rows are left", () => {
  const more = pageOf(rows, 2, (row) => row);
  expect(more.shown).toEqual(rows.slice(0, 2));
  expect(positionOf(more.nextCursor ?? undefined)).toEqual({ at: 4, id: "row-4" });
  expect(pageOf(rows, 3, (row) => row)).toEqual({ shown: rows, nextCursor: null });
  expect(pageOf([], 3, () => ({ at: 0, id: "" }))).toEqual({ shown: [], nextCursor: null });
});

test("only text that a page has ended with is a cursor", () => {
  expect(positionOf(undefined)).toBeUndefined();
  expect(cursorOf(null)).toBeNull();
  for (const text of ["", "nonsense", "LjE", Buffer.from("1.a b").toString("base64url")]) {
    expect(() => positionOf(text)).toThrow(expect.objectContaining({ code: "invalid_request" }));
  }
});

test("what follows a page is counted up to a thousand, and said to be more beyond", async () => {
  const following = (rows: number | null) =>
    followingOf((limit) => Promise.resolve(rows === null ? null : Math.min(rows, limit)));
  expect(await following(999)).toEqual({ count: 999, exact: true });
  expect(await following(1000)).toEqual({ count: 1000, exact: true });
  expect(await following(7_000_000)).toEqual({ count: 1000, exact: false });
  expect(await following(null)).toBeNull();
});

import { expect, test } from "bun:test";
import { cursorOf, pageOf, positionOf } from "./cursor.ts";

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

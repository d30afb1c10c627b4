/** Columns: what each kind stores and reads back, and what a table derives from them. */

import { describe, expect, test } from "bun:test";
import {
  type Column,
  flag,
  foreignText,
  integer,
  json,
  jsonList,
  nullable,
  oneOf,
  rounded,
  Table,
  text,
} from "./columns.ts";

const things = new Table({
  id: text,
  ownName: foreignText,
  isGood: flag,
  waitMs: rounded,
  tags: nullable(json<string[]>()),
});

const thing = { id: "a", ownName: "ü", isGood: true, waitMs: 7, tags: ["x"] };

describe("a table", () => {
  test("names its columns in snake_case, in the order of their declaration", () => {
    expect(things.names).toEqual(["id", "own_name", "is_good", "wait_ms", "tags"]);
  });

  test("stores a row and reads it back, without the columns that a join has added", () => {
    const row = things.toRow(thing);
    expect(row).toEqual({ id: "a", own_name: "ü", is_good: 1, wait_ms: 7, tags: '["x"]' });
    expect(things.fromRow({ ...row, email: "of another table" } as typeof row)).toEqual(thing);
  });

  test("has the types of its columns", () => {
    // @ts-expect-error -- a flag is a boolean
    things.toRow({ ...thing, isGood: 1 });
    // @ts-expect-error -- text is no number
    things.toRow({ ...thing, id: 1 });
    // @ts-expect-error -- a column is missing
    things.pick("id", "tags").toRow({ id: "a" });
    const { tags }: { tags: string[] | null } = things.fromRow(things.toRow(thing));
    expect(tags).toEqual(["x"]);
  });

  test("gives a row's cells in the order of its names", () => {
    const row: Record<string, unknown> = things.toRow(thing);
    expect(things.toCells(thing)).toEqual(things.names.map((name) => row[name]) as never);
  });

  test("sets only the columns that change: null is a change, undefined is none", () => {
    expect(things.toChange({ tags: null, isGood: false })).toEqual({ tags: null, is_good: 0 });
    expect(things.toChange({ tags: undefined })).toEqual({});
  });

  test("can be a part of another one", () => {
    const part = things.pick("tags", "id");
    expect(part.names).toEqual(["tags", "id"]);
    expect(part.fromRow(things.toRow(thing))).toEqual({ tags: ["x"], id: "a" });
  });

  test("reads null where no row was found", () => {
    expect(things.fromFound(undefined)).toBeNull();
    expect(things.fromFound(things.toRow(thing))).toEqual(thing);
  });
});

describe("a column", () => {
  const rows: [
    what: string,
    // deno-lint-ignore no-explicit-any -- columns of all types stand in one table
    column: Column<any, any>,
    value: unknown,
    stored: unknown,
    back: unknown,
  ][] = [
    ["of text", text, "a\0", "a\0", "a\0"],
    ["of text with a known set of values", oneOf<"a" | "b">(), "a", "a", "a"],
    [
      "of foreign text with NUL and half a character",
      foreignText,
      "a\0\ud800",
      "a\uFFFD\uFFFD",
      "a\uFFFD\uFFFD",
    ],
    ["of whole numbers", integer, 5_000_000_000, 5_000_000_000, 5_000_000_000],
    ["of rounded numbers", rounded, 0.5, 1, 1],
    ["of flags, set", flag, true, 1, true],
    ["of flags, not set", flag, false, 0, false],
    ["of nullable values, null", nullable(flag), null, null, null],
    [
      "of nullable values that an earlier version did not know",
      nullable(flag),
      undefined,
      null,
      null,
    ],
    ["of nullable values, zero", nullable(integer), 0, 0, 0],
    ["of JSON", json(), { a: [null] }, '{"a":[null]}', { a: [null] }],
    ["of lists, empty", jsonList(), [], null, []],
    ["of lists that an earlier version did not know", jsonList(), undefined, null, []],
    ["of lists", jsonList(), [{ a: 1 }], '[{"a":1}]', [{ a: 1 }]],
  ];
  for (const [what, { toStored, fromStored }, value, stored, back] of rows) {
    test(`${what} is stored and read back`, () => {
      expect(toStored(value)).toEqual(stored);
      expect(fromStored(stored)).toEqual(back);
    });
  }
});

/** Rollups: which rows a fresh cell is added to, and in which order they are written. */

import { expect, test } from "bun:test";
import { seeded } from "../base/testing/random.ts";
import { bucketOf } from "./histogram.ts";
import type { FreshCell } from "./schema.ts";
import { grainFor, rollup, rollupColumns } from "./usage_rollup.ts";

const DAY = Date.UTC(2026, 9, 1);
const MINUTE = DAY + (12 * 60 + 34) * 60_000;

function aCell(change: Partial<FreshCell> = {}): FreshCell {
  return {
    account_id: "caller",
    model: "m",
    key_id: "k",
    node_id: "n",
    provider_id: "provider",
    at: MINUTE,
    bucket: -1,
    calls: 1,
    errors: 0,
    prompt_tokens: 0,
    completion_tokens: 0,
    stream_tokens: 0,
    stream_ms: 0,
    ...change,
  };
}

function rowsOf(cells: readonly FreshCell[]): Record<string, string | number | undefined>[] {
  const names = [...rollupColumns.keyColumns, ...rollupColumns.sumColumns];
  return rollup(cells)
    .map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
}

test("a cell adds to each step, from the beginning of that step", () => {
  const total = rowsOf([aCell()]).filter(({ side, grain }) => side === 0 && grain === 0);
  expect(total.map(({ step, at }) => [step, at])).toEqual([
    [0, MINUTE],
    [1, DAY + 12 * 3_600_000],
    [2, DAY],
  ]);
});

test("no row of a provider reveals whose calls its nodes served", () => {
  const provided = rowsOf([aCell()]).filter(({ side }) => side === 1);
  expect(provided.map(({ account_id: id }) => id)).toContain("provider");
  expect(new Set(provided.map(({ key_id: id }) => id))).toEqual(new Set([""]));
});

test("a call that no node served counts for its caller alone", () => {
  const rows = rowsOf([aCell({ provider_id: "", node_id: "" })]);
  expect(new Set(rows.map(({ side }) => side))).toEqual(new Set([0, 2]));
});

test("everyone's calls are counted by model, by account and by node", () => {
  const rows = rowsOf([aCell(), aCell({ account_id: "other" })])
    .filter(({ side, step }) => side === 2 && step === 1);
  expect(
    rows.map(({ account_id: id, grain, model, key_id: key, node_id: node, calls }) =>
      [id, grain, model, key, node, calls].join("|")
    ),
  ).toEqual(["|0||||2", "|1|m|||2", "|2||caller||1", "|2||other||1", "|4|||n|2"]);
});

test("a row leaves empty what its grain does not group by", () => {
  const rows = rowsOf([aCell()]).filter(({ side }) => side !== 2);
  for (const { grain, model, key_id: key, node_id: node } of rows) {
    const has = (bit: number, value: string) => (Number(grain) & bit) === 0 ? "" : value;
    expect([model, key, node]).toEqual([has(1, "m"), has(2, "k"), has(4, "n")]);
  }
});

test("cells that differ in their bucket alone share their rows, each in its own counter", () => {
  const cells = [aCell({ bucket: bucketOf(5) }), aCell({ bucket: bucketOf(90_000), calls: 3 })];
  const rows = rowsOf([...cells, aCell()]);
  expect(rows).toHaveLength(rowsOf([aCell()]).length);
  for (const row of rows) expect(row).toMatchObject({ calls: 5, h0: 1, h22: 3, h1: 0 });
});

test("gateways that fold the same cells write the rows in the same order, whatever the order of the cells", () => {
  const random = seeded(5);
  const cells = Array.from(
    { length: 120 },
    (_, i) =>
      aCell({ account_id: `a${i % 6}`, model: `m${i % 5}`, node_id: `n${i % 4}`, at: DAY + i }),
  );
  const keys = (some: readonly FreshCell[]) => rollup(some).map((row) => row.join(" "));
  expect(keys(cells.toSorted(() => random() - 0.5))).toEqual(keys(cells));
  expect(keys(cells.toReversed())).toEqual(keys(cells));
});

test("a query reads the coarsest rows that have its groups", () => {
  expect(grainFor("made", "hour", [])).toBe(0);
  expect(grainFor("made", "hour", ["model", "key"])).toBe(3);
  expect(grainFor("made", "minute", ["model", "key"])).toBe(7);
  expect(grainFor("provided", "day", ["node"])).toBe(4);
  // Not kept by key at all.
  expect(grainFor("provided", "day", ["key"])).toBe(5);
});

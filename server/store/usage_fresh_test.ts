/** Fresh cells: how calls are grouped into them, and in which order they are written. */

import { expect, test } from "bun:test";
import { seeded } from "../base/testing/random.ts";
import type { LedgerEntry } from "./store.ts";
import { anEntry } from "./testing/store_suite.ts";
import { freshColumns, freshRows, NO_BUCKET } from "./usage_fresh.ts";

const MINUTE = Date.UTC(2026, 9, 1, 12, 30);

/** Cells by the names of their columns. */
function cellsOf(entries: readonly LedgerEntry[]): Record<string, string | number | undefined>[] {
  const names = [...freshColumns.keyColumns, ...freshColumns.sumColumns];
  return freshRows(entries)
    .map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
}

test("calls of one minute that share every key column share a cell", () => {
  const entry = { startedAt: MINUTE, promptTokens: 5, completionTokens: 7 };
  const cells = cellsOf([
    anEntry(entry),
    anEntry({ ...entry, startedAt: MINUTE + 59_999.5 }),
    anEntry({ ...entry, startedAt: MINUTE + 60_000 }),
  ]);
  expect(cells).toMatchObject([
    { at: MINUTE, calls: 2, prompt_tokens: 10, completion_tokens: 14 },
    { at: MINUTE + 60_000, calls: 1, prompt_tokens: 5, completion_tokens: 7 },
  ]);
});

test("calls that differ in one key column do not share a cell", () => {
  const entries = [
    {},
    { accountId: "a" },
    { model: "m" },
    { keyId: "k" },
    { nodeId: null },
    { providerAccountId: "p" },
    { firstByteMs: 1 },
  ].map((change) => anEntry({ startedAt: MINUTE, ...change }));
  expect(cellsOf(entries)).toHaveLength(entries.length);
});

test("gateways that count the same cells write them in the same order, whatever the order of the calls", () => {
  const random = seeded(3);
  const entries = Array.from(
    { length: 200 },
    (_, i) =>
      anEntry({
        startedAt: MINUTE,
        accountId: `a${i % 10}`,
        model: `m${i % 7}`,
        keyId: `k${i % 3}`,
      }),
  );
  const keys = (some: readonly LedgerEntry[]) => freshRows(some).map((row) => row.join(" "));
  const shuffled = entries.toSorted(() => random() - 0.5);
  expect(keys(shuffled)).toEqual(keys(entries));
  expect(keys(entries.toReversed())).toEqual(keys(entries));
});

test("a stream counts its speed only where both its tokens and its time are known", () => {
  const timed = { stream: true, completionTokens: 10, firstByteMs: 100, durationMs: 1100.4 };
  const rows: [change: Partial<LedgerEntry>, tokens: number, ms: number, bucket: boolean][] = [
    [{}, 10, 1000, true],
    [{ stream: false }, 0, 0, false],
    [{ completionTokens: null }, 0, 0, true],
    [{ completionTokens: 0 }, 0, 0, true],
    [{ firstByteMs: null }, 0, 0, false],
    [{ durationMs: 100 }, 0, 0, true],
  ];
  for (const [change, tokens, ms, hasBucket] of rows) {
    const [cell] = cellsOf([anEntry({ ...timed, ...change })]);
    expect({ change, cell }).toMatchObject({ cell: { stream_tokens: tokens, stream_ms: ms } });
    expect(cell?.bucket !== NO_BUCKET).toBe(hasBucket);
  }
});

/** The oracle finds what is wrong in the books, and nothing in books that are right. */

import { describe, expect, test } from "bun:test";
import type { LedgerRow } from "../../../tests/harness/ledger.ts";
import { judge, judgeTotals, type Witnessed } from "./oracle.ts";
import { planOf } from "./plan.ts";
import type { Seen } from "./seen.ts";

const ENDED_MS = 1_700_000_000_000;

/** A streamed call of three pieces that went well, and its row. */
function aCall(seen: Partial<Seen> = {}): Witnessed {
  return {
    planned: {
      model: "m",
      stream: true,
      atMs: 0,
      leavesAfterMs: null,
      caller: 0,
      script: { is: "answer", pieces: 3, everyMs: 0, tellsUsage: true },
    },
    seen: {
      model: "m",
      id: "req-1",
      status: 200,
      pieces: 4,
      bytes: 400,
      ending: "complete",
      code: null,
      endedAt: ENDED_MS,
      ...seen,
    },
    served: { attempts: 1, pieces: 3 },
  };
}

function aRow(change: Partial<LedgerRow> = {}): LedgerRow {
  return {
    id: "req-1",
    account_id: "caller",
    provider_account_id: "provider",
    node_id: "node",
    endpoint: "/v1/chat/completions",
    model: "m",
    stream: 1,
    outcome: "ok",
    status: 200,
    cause: null,
    attempts: 1,
    delivered_bytes: 400,
    delivered_chunks: 4,
    produced_chunks: 4,
    prompt_tokens: 3,
    completion_tokens: 3,
    estimated: 0,
    started_at: ENDED_MS - 100,
    ...change,
  };
}

const faultsOf = (call: Witnessed, rows: LedgerRow[]) => judge([call], rows, []).faults;

test("books that are right have no faults", () => {
  expect(judge([aCall()], [aRow()], [])).toEqual({ faults: [], losses: [] });
});

test("a model server's failure in its own words is written down as one, with its status", () => {
  const call = aCall({ ending: "error", code: "upstream_500", status: 500, pieces: 0, bytes: 0 });
  const row = aRow({ outcome: "upstream_error", status: 500 });
  expect(faultsOf(call, [row])).toEqual([]);
  expect(faultsOf(call, [{ ...row, outcome: "rejected" }])).toHaveLength(1);
  expect(faultsOf(call, [{ ...row, status: 502 }])).toHaveLength(1);
});

describe("a fault is", () => {
  const wrong: [what: string, seen: Partial<Seen>, rows: LedgerRow[]][] = [
    ["a call without a row", {}, []],
    ["a call with two", {}, [aRow(), aRow()]],
    ["a row that no caller asked for", {}, [aRow(), aRow({ model: "other" })]],
    ["another request's row", {}, [aRow({ id: "req-2" })]],
    ["a whole answer that is not written down as one", {}, [aRow({ outcome: "cancelled" })]],
    ["a failure that is written down as success", { ending: "error", code: "node_lost" }, [aRow()]],
    ["a stump that is written down as success", { ending: "cut" }, [aRow()]],
    ["fewer bytes than the caller has", {}, [aRow({ delivered_bytes: 399 })]],
    ["more bytes than the caller has", {}, [aRow({ delivered_bytes: 401 })]],
    ["more delivered than produced", {}, [aRow({ produced_chunks: 3 })]],
    ["tokens other than those told", {}, [aRow({ completion_tokens: 2 })]],
    ["told tokens that are marked as a guess", {}, [aRow({ estimated: 1 })]],
  ];
  for (const [what, seen, rows] of wrong) {
    test(what, () => expect(faultsOf(aCall(seen), rows)).not.toBeEmpty());
  }
});

describe("a killed gateway may cost", () => {
  const judged = (afterMs: number, seen: Partial<Seen> = {}) =>
    judge([aCall(seen)], [], [{ atMs: ENDED_MS + afterMs, mayCostMs: 100 }]);

  test("the row of a call that had ended shortly before, and of no other", () => {
    expect(judged(100)).toEqual({ faults: [], losses: [{ model: "m", endedBeforeMs: 100 }] });
    expect(judged(101).faults).not.toBeEmpty();
  });

  test("no other, also of those whose node had not confirmed that it stopped", () => {
    expect(judged(101, { ending: "left" }).faults).not.toBeEmpty();
    expect(judged(101, { ending: "error", code: "node_silent" }).faults).not.toBeEmpty();
  });

  test("that of a call that still ran", () => {
    expect(judged(0, { ending: null, endedAt: null }).faults).toEqual([]);
  });
});

test("a call that the closed door of a leaving gateway refused needs no row", () => {
  const refused = aCall({ ending: "error", code: "shutting_down", status: 503, bytes: 0 });
  expect(faultsOf({ ...refused, served: { attempts: 0, pieces: 0 } }, [])).toEqual([]);
  expect(faultsOf(refused, [])).not.toBeEmpty();
});

test("totals must be those of the rows that were served", () => {
  const rows = [aRow(), aRow({ outcome: "cancelled" }), aRow({ outcome: "timeout" })];
  const totals = (made: number, provided: number) => [
    { id: "caller", total_api_calls: made, total_provided_calls: 0 },
    { id: "provider", total_api_calls: 0, total_provided_calls: provided },
  ];
  expect(judgeTotals(totals(2, 2), rows)).toEqual([]);
  expect(judgeTotals(totals(3, 2), rows)).toHaveLength(1);
  expect(judgeTotals(totals(2, 1), rows)).toHaveLength(1);
});

test("a seed is always the same story, another one another", () => {
  expect(planOf(7)).toEqual(planOf(7));
  expect(planOf(7)).not.toEqual(planOf(8));
});

/** Compares the ledger with what callers and servers have recorded of each call. */

import type { LedgerRow } from "../../../tests/harness/ledger.ts";
import type { Totals } from "./books.ts";
import type { PlannedCall } from "./plan.ts";
import type { Seen } from "./seen.ts";
import { type Served, usageOf } from "./servers.ts";

/** One call: its plan, and the caller's and the servers' records of it. */
export interface Witnessed {
  planned: PlannedCall;
  seen: Seen;
  served: Served;
}

/** When the gateway was killed, UTC milliseconds, and which entries may be lost. */
export interface Death {
  atMs: number;
  /** Entries of calls that ended so shortly before may be missing, in milliseconds. */
  mayCostMs: number;
}

/** A row that a death has cost, and how long before the call had ended for its caller. */
export interface Loss {
  model: string;
  endedBeforeMs: number;
}

export interface Verdict {
  /** One sentence each; empty when all is well. */
  faults: string[];
  losses: Loss[];
}

/** Codes of refusals that may precede a call's ledger row. */
const EARLY_REFUSALS: ReadonlySet<string> = new Set(["shutting_down", "store_unavailable"]);

/** The ledger's outcome of a call, by the code that its caller received. Any other code: `rejected`. */
const outcomeOfCode: Readonly<Record<string, LedgerRow["outcome"]>> = {
  node_lost: "node_lost",
  node_protocol: "node_lost",
  node_silent: "timeout",
  deadline_exceeded: "timeout",
  upstream_auth: "upstream_error",
  upstream_rate_limited: "upstream_error",
  upstream_overloaded: "upstream_error",
  upstream_timeout: "upstream_error",
  upstream_error: "upstream_error",
  // A node's own code for a model server that broke off.
  upstream_disconnected: "upstream_error",
  // The model servers' own codes; their 400 is the request's fault, and `rejected`.
  upstream_429: "upstream_error",
  upstream_500: "upstream_error",
  upstream_502: "upstream_error",
  shutting_down: "interrupted",
  answer_too_large: "interrupted",
  account_answers_full: "interrupted",
  gateway_answers_full: "interrupted",
  internal_error: "interrupted",
};

/** Compares the rows of one run with the records of its calls. */
export function judge(
  witnessed: readonly Witnessed[],
  rows: readonly LedgerRow[],
  deaths: readonly Death[],
): Verdict {
  const byModel = Map.groupBy(rows, ({ model }) => model);
  const known = new Set(witnessed.map(({ planned }) => planned.model));
  const faults = rows.filter(({ model }) => !known.has(model))
    .map(({ id, model }) => `${id}: a row for ${model}, which no caller called`);
  const losses: Loss[] = [];
  for (const one of witnessed) {
    const { model } = one.planned;
    const own = byModel.get(model) ?? [];
    if (own.length > 1) faults.push(`${model}: ${own.length} rows for one call`);
    const [row] = own;
    if (row) faults.push(...rowFaults(one, row, deaths).map((fault) => `${model}: ${fault}`));
    else if (wasAccepted(one)) {
      const loss = lossOf(one, deaths);
      if (loss === null) faults.push(`${model}: no row, ${described(one)}`);
      else losses.push(loss);
    }
  }
  return { faults, losses };
}

/** Whether the call reached a server, or the gateway accepted it before it failed. */
function wasAccepted({ seen, served }: Witnessed): boolean {
  if (served.attempts > 0) return true;
  return seen.id !== null && !EARLY_REFUSALS.has(seen.code ?? "");
}

/** Which death may have cost the call's row; null: none. */
function lossOf({ seen }: Witnessed, deaths: readonly Death[]): Loss | null {
  for (const { atMs, mayCostMs } of deaths) {
    // Where no end reached the caller, the call may have been running.
    if (seen.endedAt === null) return { model: seen.model, endedBeforeMs: 0 };
    const endedBeforeMs = Math.max(0, atMs - seen.endedAt);
    if (endedBeforeMs <= mayCostMs) return { model: seen.model, endedBeforeMs };
  }
  return null;
}

function rowFaults(one: Witnessed, row: LedgerRow, deaths: readonly Death[]): string[] {
  const { planned, seen, served } = one;
  const told = seen.ending === "error" ? outcomeOfCode[seen.code ?? ""] ?? "rejected" : null;
  const wasCut = seen.ending === "cut" || seen.ending === "unanswered";
  const rules: [isBroken: boolean, fault: string][] = [
    [seen.id !== null && seen.id !== row.id, `row ${row.id}, but its caller received ${seen.id}`],
    [row.stream !== Number(planned.stream), "stream is wrong"],
    [row.attempts > 4 || (row.produced_chunks > 0 && row.attempts < 1), "attempts are wrong"],
    [seen.ending === "complete" && row.outcome !== "ok", `${row.outcome}, but its caller has all`],
    [told !== null && row.outcome !== told, `${row.outcome}, but its caller received ${seen.code}`],
    [isOther(row.status, seen.code), `status ${row.status}, but its caller received ${seen.code}`],
    // Bytes that a killed gateway had already delivered may be lost on the way.
    [row.outcome === "ok" && wasCut && deaths.length === 0, `ok, but its caller was cut off`],
    [seen.code === "internal_error", "a fault of the gateway's own"],
    [row.delivered_chunks > row.produced_chunks, "more delivered than produced"],
    [row.delivered_bytes < seen.bytes, "its caller has more bytes than were delivered"],
    [
      seen.ending === "complete" && row.delivered_bytes !== seen.bytes,
      `${row.delivered_bytes} bytes delivered, but its caller has ${seen.bytes}`,
    ],
    [(row.completion_tokens ?? 0) > served.pieces, "more tokens than the servers sent"],
    ...(row.outcome === "ok" ? tokenRules(one, row) : []),
  ];
  return rules.filter(([isBroken]) => isBroken)
    .map(([, fault]) => `${fault} (row ${JSON.stringify(row)}; ${described(one)})`);
}

/** Whether this is another status than the one in a model server's own code. */
function isOther(status: number, code: string | null): boolean {
  const own = /^upstream_(\d{3})$/.exec(code ?? "");
  return own !== null && Number(own[1]) !== status;
}

/** What the tokens of a call that ended well must be. */
function tokenRules(
  { planned: { script, stream }, seen }: Witnessed,
  row: LedgerRow,
): [boolean, string][] {
  if (script.is !== "answer") return [[true, "ok, but no server answers it"]];
  const usage = usageOf(script);
  // Of a whole answer whose caller has left, what it cost is estimated.
  if (usage === undefined && seen.ending === "left" && row.estimated === 1) return [];
  const isGuess = usage === undefined && stream;
  const completion = usage || isGuess ? script.pieces : null;
  return [
    [row.prompt_tokens !== (usage?.prompt_tokens ?? null), "prompt tokens are wrong"],
    [row.completion_tokens !== completion, "completion tokens are wrong"],
    [row.estimated !== Number(isGuess), "estimated is wrong"],
  ];
}

function described({ planned, seen, served }: Witnessed): string {
  return JSON.stringify({ planned, seen, served });
}

/** Outcomes of calls that were cut short: served if some of the answer was there already. */
const cutShort: ReadonlySet<string> = new Set(["cancelled", "interrupted", "node_lost"]);

/** Compares the accounts' totals with the whole ledger. */
export function judgeTotals(totals: readonly Totals[], rows: readonly LedgerRow[]): string[] {
  const served = rows.filter(({ outcome, produced_chunks }) =>
    outcome === "ok" || (cutShort.has(outcome) && produced_chunks > 0)
  );
  return totals.flatMap(({ id, total_api_calls, total_provided_calls }) => {
    const made = served.filter((row) => row.account_id === id).length;
    const provided = served.filter((row) => row.provider_account_id === id).length;
    return [
      ...(total_api_calls === made ? [] : [`${id} made ${made}, its total is ${total_api_calls}`]),
      ...(total_provided_calls === provided
        ? []
        : [`${id} provided ${provided}, its total is ${total_provided_calls}`]),
    ];
  });
}

/** Writes a long history of calls by bulk SQL: the ledger, and the rollups that the gateway would have computed from it. */

import { ENDS_MS } from "../../server/store/histogram.ts";
import { histogramColumns } from "../../server/store/schema.ts";
import { freshColumns } from "../../server/store/usage_fresh.ts";
import { rollupColumns } from "../../server/store/usage_rollup.ts";

export type DatabaseKind = "sqlite" | "postgres";

/** Runs one statement. */
export type Run = (statement: string) => Promise<unknown>;

export interface History {
  accountId: string;
  calls: number;
  days: number;
  /** The time of the last call, UTC milliseconds. */
  until: number;
}

const MODELS = 8;
const KEYS = 5;
const NODES = 20;

const { sumColumns } = rollupColumns;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Nearly as many as wait before the gateway folds them: the calls of one busy minute. */
const FRESH_CELLS = 9_500;

/** Days for which rollups by the minute are kept. */
const MINUTE_DAYS = 7;

/** The account both made and served every call. Yields a name for each step before it runs. */
export async function* fill(
  run: Run,
  kind: DatabaseKind,
  history: History,
): AsyncGenerator<string> {
  yield `${history.calls.toLocaleString("en")} calls`;
  await run(ledger(kind, history));
  yield "rollups by the hour";
  const since = history.until - history.days * DAY_MS;
  for (const side of [0, 1]) await run(fromLedger(history, side, 1, HOUR_MS, since));
  yield "rollups by the minute";
  const minutes = Math.max(since, history.until - MINUTE_DAYS * DAY_MS);
  for (const side of [0, 1]) await run(fromLedger(history, side, 0, 60_000, minutes));
  yield "rollups by the day";
  for (const side of [0, 1]) await run(days(history, side));
  yield "rollups by model, key and node";
  for (const side of [0, 1]) {
    for (const step of [0, 1, 2]) {
      const made = step === 0 ? [0, 1, 2, 4] : [0, 1, 2, 3, 4, 5, 6];
      for (const grain of side === 0 ? made : [0, 1, 4]) {
        await run(coarser(history, side, step, grain));
      }
    }
  }
  yield `${FRESH_CELLS.toLocaleString("en")} calls that are not folded into the rollups yet`;
  await run(freshCells(kind, history));
  yield "the planner's statistics";
  await run("analyze");
}

function ledger(kind: DatabaseKind, { accountId, calls, days, until }: History): string {
  // Large odd factors: calls that follow each other in time differ in everything else.
  const firstByte = "40 + (n * 7919) % 1900 + case when n % 97 = 0 then 6000 else 0 end";
  return `insert into ledger (id, account_id, key_id, provider_account_id, node_id, endpoint, model,
      stream, outcome, status, prompt_tokens, completion_tokens, estimated, delivered_bytes,
      delivered_chunks, produced_chunks, attempts, queued_ms, first_byte_ms, duration_ms, started_at)
    select 'req-${accountId.slice(-6)}-' || ${padded(kind)},
      '${accountId}', ${text(`(n / ${MODELS}) % ${KEYS}`, "key_bench_")}, '${accountId}',
      ${text(`(n / ${MODELS * KEYS}) % ${NODES}`, "node-bench-")}, '/v1/chat/completions',
      ${text(`n % ${MODELS}`, "model-")}, 1,
      case when n % 50 = 0 then 'node_lost' else 'ok' end, case when n % 50 = 0 then 502 else 200 end,
      100 + n % 900, 20 + n % 700, 0, 4000, 60, 60, 1, 0, ${firstByte},
      ${firstByte} + 2000 + n % 5000,
      ${until - days * DAY_MS} + cast(n * ${(days * DAY_MS) / calls} as bigint)
    from ${numbers(kind, calls)}`;
}

/** Calls of the last minute, each on another node and so in a cell of its own. */
function freshCells(kind: DatabaseKind, { accountId, until }: History): string {
  const minute = Math.floor(until / 60_000) * 60_000;
  return `insert into usage_fresh (${
    [...freshColumns.keyColumns, ...freshColumns.sumColumns].join(", ")
  })
    select '${accountId}', ${text(`n % ${MODELS}`, "model-")}, ${
    text(`n % ${KEYS}`, "key_bench_")
  }, ${text("n", "node-fresh-")}, '${accountId}', ${minute}, n % 20, 1, 0, 100, 20, 20, 2000
    from ${numbers(kind, FRESH_CELLS)}`;
}

/** A table with a column `n`, from zero up. */
function numbers(kind: DatabaseKind, count: number): string {
  return kind === "postgres"
    ? `generate_series(cast(0 as bigint), ${count - 1}) as t(n)`
    : `(with recursive t(n) as (select 0 union all select n + 1 from t where n < ${count - 1})
        select n from t) as t`;
}

function text(number: string, prefix: string): string {
  return `'${prefix}' || cast((${number}) as text)`;
}

/** Nine digits: ids in ascending order are written much faster. */
function padded(kind: DatabaseKind): string {
  return kind === "postgres" ? "lpad(cast(n as text), 9, '0')" : "printf('%09d', n)";
}

function fromLedger(
  { accountId, until }: History,
  side: number,
  step: number,
  stepMs: number,
  since: number,
): string {
  const account = side === 0 ? "account_id" : "provider_account_id";
  const key = side === 0 ? "key_id" : "''";
  const counters = histogramColumns.map((_, at) => {
    const low = at === 0 ? "" : `first_byte_ms > ${ENDS_MS[at - 1]}`;
    const high = at === ENDS_MS.length ? "" : `first_byte_ms <= ${ENDS_MS[at]}`;
    return `sum(case when ${[low, high].filter(Boolean).join(" and ")} then 1 else 0 end)`;
  });
  return `insert into usage (${columns()})
    select '${accountId}', ${side}, ${step}, ${
    finest(side)
  }, (started_at / ${stepMs}) * ${stepMs} as begins,
      model, ${key} as by_key, node_id, count(*), sum(case when outcome = 'ok' then 0 else 1 end),
      sum(prompt_tokens), sum(completion_tokens), sum(completion_tokens),
      sum(duration_ms - first_byte_ms), ${counters.join(", ")}
    from ledger where ${account} = '${accountId}' and started_at >= ${since}
      and started_at <= ${until}
    group by begins, model, by_key, node_id`;
}

/** Added up from the rows by the hour. */
function days({ accountId }: History, side: number): string {
  return `insert into usage (${columns()})
    select account_id, side, 2, grain, (at / ${DAY_MS}) * ${DAY_MS} as begins, model, key_id, node_id,
      ${sumColumns.map((sum) => `sum(${sum})`).join(", ")}
    from usage where account_id = '${accountId}' and side = ${side} and step = 1
      and grain = ${finest(side)}
    group by account_id, side, grain, begins, model, key_id, node_id`;
}

/** Grouped by model (1), key (2), node (4) or several of them, added up from the finest grain. */
function coarser({ accountId }: History, side: number, step: number, grain: number): string {
  const kept = (column: string, of: number) => (grain & of) === 0 ? "''" : column;
  return `insert into usage (${columns()})
    select account_id, side, step, ${grain}, at, ${kept("model", 1)} as m, ${
    kept("key_id", 2)
  } as k, ${kept("node_id", 4)} as n, ${sumColumns.map((sum) => `sum(${sum})`).join(", ")}
    from usage where account_id = '${accountId}' and side = ${side} and step = ${step}
      and grain = ${finest(side)}
    group by account_id, side, step, at, m, k, n`;
}

/** The grain of the most detailed rows: on the provided side calls are not grouped by key. */
function finest(side: number): number {
  return side === 0 ? 7 : 5;
}

function columns(): string {
  return [...rollupColumns.keyColumns, ...sumColumns].join(", ");
}

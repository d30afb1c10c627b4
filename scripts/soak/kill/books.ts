/** A gateway's ledger and its accounts' totals, read from its SQLite file or from PostgreSQL. */

import { Database } from "bun:sqlite";
import { join } from "node:path";
import { query } from "../../../tests/harness/database.ts";
import type { LedgerRow } from "../../../tests/harness/ledger.ts";

export interface Totals {
  id: string;
  total_api_calls: number;
  total_provided_calls: number;
}

export interface Books {
  rows(): Promise<LedgerRow[]>;
  totals(): Promise<Totals[]>;
}

const ROWS = "select * from ledger order by started_at, id";
const TOTALS = "select id, total_api_calls, total_provided_calls from accounts";

/** `databaseUrl` null: SQLite in the data folder. */
export function openBooks(dataDir: string, databaseUrl: string | null): Books {
  const ask = databaseUrl === null
    ? <Row>(sql: string) => Promise.resolve(fromFile<Row>(dataDir, sql))
    : <Row>(sql: string) => fromServer<Row>(databaseUrl, sql);
  return { rows: () => ask<LedgerRow>(ROWS), totals: () => ask<Totals>(TOTALS) };
}

function fromFile<Row>(dataDir: string, sql: string): Row[] {
  const database = new Database(join(dataDir, "colink.db"), { readonly: true });
  try {
    return database.query<Row, []>(sql).all();
  } finally {
    database.close();
  }
}

/** PostgreSQL returns big integers as text. */
async function fromServer<Row>(url: string, sql: string): Promise<Row[]> {
  const rows = await query<Record<string, unknown>>(url, sql);
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value,
      ]),
    ) as Row
  );
}

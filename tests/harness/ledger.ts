/** What a gateway wrote down of its calls: its SQLite file, read from outside. */

import { Database } from "bun:sqlite";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "../../server/base/outcome.ts";
import { ask } from "./api.ts";
import { until } from "./wait.ts";

/** The columns that tests look at. */
export interface LedgerRow {
  id: string;
  account_id: string;
  provider_account_id: string | null;
  node_id: string | null;
  endpoint: string;
  model: string;
  stream: number;
  outcome: Outcome;
  status: number;
  attempts: number;
  delivered_bytes: number;
  delivered_chunks: number;
  produced_chunks: number;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  /** 1: the tokens were counted from chunks, not told. */
  estimated: number;
  started_at: number;
}

/** Every row of one model, oldest first; models are the tests' own, one each. */
export function ledgerOf(gateway: { dataDir: string }, model: string): LedgerRow[] {
  const database = new Database(join(gateway.dataDir, "colink.db"), { readonly: true });
  try {
    return database.query<LedgerRow, [string]>(
      "select * from ledger where model = ? order by started_at, id",
    ).all(model);
  } finally {
    database.close();
  }
}

/** The model's rows once there are `count` of them: they are written a moment after a call's end. */
export async function ledgerRows(
  gateway: { dataDir: string },
  model: string,
  count = 1,
): Promise<LedgerRow[]> {
  return await until(`the ledger has ${count} of ${model}`, () => {
    const rows = ledgerOf(gateway, model);
    return rows.length >= count && rows;
  });
}

/** Resolves once every ended call is in the database or on disk. */
export async function acknowledged({ url }: { url: string }): Promise<void> {
  await until("nothing is pending", async () => {
    const { text } = await ask(`${url}/metrics`);
    return /^colink_ledger_pending 0$/m.test(text);
  });
}

/** Resolves once every ended call is in the database. While no call ends, that is. */
export async function written(gateway: { url: string; dataDir: string }): Promise<void> {
  await until("nothing is to be written", async () => {
    await acknowledged(gateway);
    return spools(gateway).length === 0;
  });
}

/** What lies on disk for the database to take. */
export function spools({ dataDir }: { dataDir: string }): string[] {
  return readdirSync(dataDir).filter((name) => name.includes("spool"));
}

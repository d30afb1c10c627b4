/** The ledger of a gateway, read from its SQLite file. */

import { Database } from "bun:sqlite";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "../../server/base/outcome.ts";
import { ask } from "./api.ts";
import { until } from "./wait.ts";

/** The columns that tests compare. */
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
  /** The error's code; null: there was none. */
  cause: string | null;
  attempts: number;
  delivered_bytes: number;
  delivered_chunks: number;
  produced_chunks: number;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  /** 1: the gateway counted the tokens by chunks, because the upstream reported none. */
  estimated: number;
  started_at: number;
}

/** Every row of one model, oldest first; each test has a model of its own. */
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

/** The model's rows once there are `count` of them: each is written shortly after its call's end. */
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
  await until("no entry is pending", async () => {
    const { text } = await ask(`${url}/metrics`);
    return /^colink_ledger_pending 0$/m.test(text);
  });
}

/** Resolves once every ended call is in the database, if no other call ends. */
export async function written(gateway: { url: string; dataDir: string }): Promise<void> {
  await until("every entry is in the database", async () => {
    await acknowledged(gateway);
    return spools(gateway).length === 0;
  });
}

/** The files of entries that wait on disk for the database. */
export function spools({ dataDir }: { dataDir: string }): string[] {
  return readdirSync(dataDir).filter((name) => name.includes("spool"));
}

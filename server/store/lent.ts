/** What nodes gave, by day: what they served, added up with the ledger, and what they report of themselves. */

import type { Database } from "./database.ts";
import {
  type LedgerEntry,
  type LentDay,
  lentDays,
  type LentTo,
  lentUsageKey,
  lentUsageSums,
} from "./schema.ts";
import { storable } from "./text.ts";

export type { LentDay, LentTo };

export const lentColumns = { keyColumns: lentUsageKey.names, sumColumns: lentUsageSums.names };

export interface LentUsage {
  day: number;
  route: LentTo;
  calls: number;
  promptTokens: number;
  completionTokens: number;
}

const DAY_MS = 24 * 60 * 60_000;

/** Rows of one statement. */
const MAX_ROWS = 500;

export class LentTable {
  constructor(private readonly database: Database) {}

  /** Replaces what these nodes reported of these days. */
  async write(days: readonly LentDay[]): Promise<void> {
    // In the order of the key, each once: two gateways must not deadlock.
    const rows = new Map(days.map((day) => [`${day.nodeId}\n${day.day}`, lentDays.toRow(day)]));
    const sorted = [...rows].sort(([a], [b]) => a < b ? -1 : 1).map(([, row]) => row);
    for (let i = 0; i < sorted.length; i += MAX_ROWS) {
      await this.database.write((db) =>
        db.insertInto("lent_days").values(sorted.slice(i, i + MAX_ROWS))
          .onConflict((conflict) =>
            conflict.columns(["node_id", "day"]).doUpdateSet((row) => ({
              open_s: row.ref("excluded.open_s"),
              closed: row.ref("excluded.closed"),
              refused: row.ref("excluded.refused"),
              energy_j: row.ref("excluded.energy_j"),
            }))
          ).execute()
      );
    }
  }

  /** What the node reported of each day since then, and what it served on it; oldest first. */
  async ofNode(
    nodeId: string,
    since: number,
  ): Promise<{ days: LentDay[]; usage: LentUsage[] }> {
    return await this.database.read(async (db) => {
      const days = await db.selectFrom("lent_days").selectAll()
        .where("node_id", "=", storable(nodeId)).where("day", ">=", since).orderBy("day").execute();
      const usage = await db.selectFrom("lent_usage").selectAll()
        .where("node_id", "=", storable(nodeId)).where("day", ">=", since)
        .orderBy("day").orderBy("route").execute();
      return {
        days: days.map((row) => lentDays.fromRow(row)),
        usage: usage.map((row) => ({
          day: row.day,
          route: row.route,
          calls: Number(row.calls),
          promptTokens: Number(row.prompt_tokens),
          completionTokens: Number(row.completion_tokens),
        })),
      };
    });
  }

  /** Deletes what is from before that time. */
  async prune(before: number): Promise<void> {
    await this.database.write((db) =>
      db.deleteFrom("lent_days").where("day", "<", before).execute()
    );
    await this.database.write((db) =>
      db.deleteFrom("lent_usage").where("day", "<", before).execute()
    );
  }
}

/** What these entries add to `lent_usage`: key columns first, each key once, in its order. */
export function lentRows(entries: readonly LedgerEntry[]): (string | number)[][] {
  const rows = new Map<string, { key: (string | number)[]; sums: number[] }>();
  for (const entry of entries) {
    const { nodeId, startedAt, promptTokens, completionTokens } = entry;
    if (nodeId === null) continue;
    const day = Math.floor(startedAt / DAY_MS) * DAY_MS;
    const key = lentUsageKey.toCells({ nodeId, day, route: lentTo(entry) });
    const id = key.join("\n");
    let row = rows.get(id);
    if (row === undefined) rows.set(id, row = { key, sums: [0, 0, 0] });
    row.sums[0]! += 1;
    row.sums[1]! += promptTokens ?? 0;
    row.sums[2]! += completionTokens ?? 0;
  }
  return [...rows].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([, { key, sums }]) => [...key, ...sums]);
}

function lentTo({ accountId, providerAccountId }: LedgerEntry): LentTo {
  return accountId === providerAccountId ? "own" : "any";
}

/** What nodes gave, by day: what they served, added up with the ledger, and what they report of themselves. */

import type { Route } from "../../api/mod.ts";
import { DAY_MS } from "../base/clock.ts";
import { countable } from "./backend.ts";
import type { Database } from "./database.ts";
import { type LedgerEntry, lentSum, lentSumKey, lentUsageKey, lentUsageSums } from "./schema.ts";
import { storable } from "./text.ts";

export const lentColumns = { keyColumns: lentUsageKey.names, sumColumns: lentUsageSums.names };

export interface LentUsage {
  day: number;
  route: Route;
  calls: number;
  promptTokens: number;
  completionTokens: number;
}

/** What nodes report: seconds for which they took calls, or took none for a reason; calls refused; energy. */
export type LentSumName = "open_s" | "refused" | "energy_j" | `closed_s:${string}`;

/** A part of what a node gave on a day. */
export interface LentSum {
  nodeId: string;
  day: number;
  what: LentSumName;
  amount: number;
}

const sumColumns = { keyColumns: lentSumKey.names, sumColumns: lentSum.names };

export class LentTable {
  constructor(private readonly database: Database) {}

  /** Adds to what nodes have reported. */
  add(sums: readonly LentSum[]): Promise<void> {
    const rows = sumRows(sums);
    const { backend } = this.database;
    return this.database.transaction((db) =>
      backend.addUp(db, { table: "lent_sums", ...sumColumns, rows: countable(rows) })
    );
  }

  /** What the node reported of each day since then, and what it served on it; oldest first. */
  async ofNode(
    nodeId: string,
    since: number,
  ): Promise<{ sums: LentSum[]; usage: LentUsage[] }> {
    return await this.database.read(async (db) => {
      const sums = await db.selectFrom("lent_sums").selectAll()
        .where("node_id", "=", storable(nodeId)).where("day", ">=", since)
        .orderBy("day").orderBy("what").execute();
      const usage = await db.selectFrom("lent_usage").selectAll()
        .where("node_id", "=", storable(nodeId)).where("day", ">=", since)
        .orderBy("day").orderBy("route").execute();
      return {
        sums: sums.map(({ day, what, amount }) => ({
          nodeId,
          day: Number(day),
          what: what as LentSumName,
          amount: Number(amount),
        })),
        usage: usage.map((row) => ({
          day: Number(row.day),
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
      db.deleteFrom("lent_sums").where("day", "<", before).execute()
    );
    await this.database.write((db) =>
      db.deleteFrom("lent_usage").where("day", "<", before).execute()
    );
  }
}

/** What these sums add to `lent_sums`. Nodes choose their reasons, and two of them can be stored alike. */
function sumRows(sums: readonly LentSum[]): Cell[][] {
  return addedUp(sums.map(({ amount, ...key }) => ({
    key: lentSumKey.toCells({ ...key }),
    sums: [amount],
  })));
}

/** What these entries add to `lent_usage`. */
export function lentRows(entries: readonly LedgerEntry[]): Cell[][] {
  return addedUp(entries.flatMap((entry) => {
    const { nodeId, startedAt, promptTokens, completionTokens, route } = entry;
    if (nodeId === null) return [];
    const day = Math.floor(startedAt / DAY_MS) * DAY_MS;
    const key = lentUsageKey.toCells({ nodeId, day, route: route ?? "any" });
    return [{ key, sums: [1, promptTokens ?? 0, completionTokens ?? 0] }];
  }));
}

type Cell = string | number;

/** Key columns first, each key once, in its order: two gateways that write the same rows never deadlock. */
function addedUp(added: readonly { key: Cell[]; sums: number[] }[]): Cell[][] {
  const rows = new Map<string, { key: Cell[]; sums: number[] }>();
  for (const { key, sums } of added) {
    const id = key.join("\n");
    const row = rows.get(id);
    if (row === undefined) rows.set(id, { key, sums });
    else for (let i = 0; i < sums.length; i++) row.sums[i]! += sums[i]!;
  }
  return [...rows].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([, { key, sums }]) => [...key, ...sums]);
}

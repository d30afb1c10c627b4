/** The order of lists: rows of one millisecond come in the same order each time, and on each page. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";

/** An order that ends in one of these columns leaves no two rows of a list in any order. */
const UNIQUE = /^(?:id|nodes\.id|invites\.id|name|name_key|accounts\.email)(?: desc)?$/;

/** Other orders, and why they are total or need not be. */
const OTHERS: Record<string, string> = {
  "audit.ts: at": "rows that are deleted",
  "calls.ts: started_at": "rows that are deleted",
  "nodes.ts: gone_at": "rows that are deleted",
  "identities.ts: due_at": "rows that are claimed",
  "calls.ts: started_at desc": "one time is selected",
  "nodes.ts: at desc": "one time is selected",
  "users.ts: created_at": "one time is selected",
  "calls.ts: calls desc, why": "grouped by the last column",
  "usage.ts: at": "grouped by the column",
  "usage.ts: at, model": "grouped by the columns",
  "usage.ts: calls desc, column": "grouped by the last column",
  "usage_export.ts: account, at, key_id, model": "grouped by the columns",
  "lent.ts: day, what": "the table's key",
  "lent.ts: day, route": "the table's key",
  "users.ts: column direction, id direction": "ends in the id",
};

test("every list of the store is ordered by something that tells any two of its rows apart", () => {
  const orders = new Set(
    [...new Glob("*.ts").scanSync(import.meta.dir)]
      .filter((file) => !file.endsWith("_test.ts"))
      .flatMap((file) => {
        const source = readFileSync(join(import.meta.dir, file), "utf8");
        return ordersIn(source).map((terms) => ({ name: `${file}: ${terms.join(", ")}`, terms }));
      })
      .filter(({ terms }) => !UNIQUE.test(terms.at(-1)!))
      .map(({ name }) => name),
  );
  expect([...orders].toSorted()).toEqual(Object.keys(OTHERS).toSorted());
});

const CALL = String.raw`\.orderBy\(((?:[^()]|\([^()]*\))*)\)`;

/** The terms of each order that a source file builds, as `column` or `column desc`. */
function ordersIn(source: string): string[][] {
  return [...source.matchAll(new RegExp(String.raw`(?:${CALL}\s*)+`, "g"))].map(([chain]) =>
    [...chain.matchAll(new RegExp(CALL, "g"))].map(([, given]) =>
      given!.replace(/^sql`(.*?)`/, "$1").replaceAll(/[",]/g, "").trim()
    )
  );
}

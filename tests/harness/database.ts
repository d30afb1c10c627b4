/** An empty PostgreSQL database for each caller, on the server that the test command has started. */

import { SQL } from "bun";
import { endAfterTests } from "./cleanup.ts";

/** Both kinds of database, with the settings of a gateway on an empty one. Gateways can share one on PostgreSQL. */
export const databases: readonly [name: string, settings: () => Promise<Record<string, string>>][] =
  [
    ["SQLite", () => Promise.resolve({})],
    ["PostgreSQL", async () => ({
      DATABASE_URL: await createDatabase(),
      JWT_SECRET: "0123456789abcdef".repeat(4),
    })],
  ];

/** Resolves with the URL of a database that is dropped after the test file. */
export async function createDatabase(): Promise<string> {
  const server = process.env.TEST_DATABASE_URL;
  if (server === undefined) {
    throw new Error(
      "Cannot make a database: TEST_DATABASE_URL is not set; use `bun run test FILE`",
    );
  }
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  await query(server, `create database ${name}`);
  endAfterTests(async () => {
    await query(server, `drop database if exists ${name} with (force)`);
  });
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** Runs one statement from outside the gateway. */
export async function query<Row>(url: string, statement: string): Promise<Row[]> {
  const sql = new SQL(url, { max: 1 });
  try {
    return [...await sql.unsafe<Row[]>(statement)];
  } finally {
    await sql.end();
  }
}

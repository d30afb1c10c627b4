/** A fresh, empty PostgreSQL database for each caller, on the server that the test command brought up. */

import { SQL } from "bun";
import { endAfterTests } from "./cleanup.ts";

/** Resolves with its URL; it is dropped after the test file. */
export async function createDatabase(): Promise<string> {
  const server = process.env.TEST_DATABASE_URL;
  if (server === undefined) {
    throw new Error(
      "Cannot make a database: TEST_DATABASE_URL is not set; use `bun run test FILE`",
    );
  }
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  await execute(server, `create database ${name}`);
  endAfterTests(() => execute(server, `drop database if exists ${name} with (force)`));
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

async function execute(url: string, statement: string): Promise<void> {
  const sql = new SQL(url, { max: 1 });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}

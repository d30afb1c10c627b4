/** For tests: an empty database of a random name on the PostgreSQL that `bun run test` starts. */

import postgres from "postgres";

export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** Throws, rather than skips, where there is no PostgreSQL to test against. */
export async function testDatabase(): Promise<TestDatabase> {
  const server = process.env.TEST_DATABASE_URL;
  if (!server) {
    throw new Error(
      "Cannot test against PostgreSQL: TEST_DATABASE_URL is not set; `bun run test` starts one",
    );
  }
  const name = `colink_test_${crypto.randomUUID().replaceAll("-", "")}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await asAdmin(server, `create database ${name}`);
  return { url: url.href, drop: () => asAdmin(server, `drop database ${name} with (force)`) };
}

async function asAdmin(server: string, statement: string): Promise<void> {
  const client = postgres(server, { max: 1, onnotice: () => {} });
  await client.unsafe(statement);
  await client.end();
}

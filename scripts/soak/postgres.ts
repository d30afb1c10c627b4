/** PostgreSQL for a campaign: the one that TEST_DATABASE_URL names, or a server of its own. */

import { endAll } from "../../tests/harness/cleanup.ts";
import { startPostgres } from "../testing/postgres.ts";
import { provide, requirements } from "../testing/requirement.ts";
import { Skipped } from "./campaign.ts";

/** Runs the work with TEST_DATABASE_URL set. */
export async function withPostgres<T>(work: () => Promise<T>): Promise<T> {
  if (process.env.TEST_DATABASE_URL) return await work();
  try {
    await provide([requirements.postgres]);
  } catch (error) {
    throw new Skipped(error instanceof Error ? error.message : String(error));
  }
  const service = await startPostgres();
  process.env.TEST_DATABASE_URL = service.url;
  try {
    return await work();
  } finally {
    // What still uses the server ends before it.
    await endAll();
    delete process.env.TEST_DATABASE_URL;
    await service.stop();
  }
}

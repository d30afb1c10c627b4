/** Calls that must be served, known by the ids of their ledger rows. */

import { expect } from "bun:test";
import type { Account } from "./account.ts";
import { chat, hello } from "./api.ts";
import { within } from "./wait.ts";

/** No call may hang longer, whatever is away: every question to the database has a deadline of 2 s. */
export const BOUNDED_MS = 8000;

/** One call; resolves with its id. */
export async function serve(
  gateway: { url: string },
  { apiToken }: Account,
  model = "m",
): Promise<string> {
  const answer = await within("an answer", chat(gateway, apiToken, hello(model)), BOUNDED_MS);
  expect(answer.status).toBe(200);
  return answer.headers.get("x-request-id")!;
}

/** So many at once. */
export async function serveMany(
  count: number,
  gateway: { url: string },
  account: Account,
): Promise<string[]> {
  return await Promise.all(Array.from({ length: count }, () => serve(gateway, account)));
}

/** Which program the gateway offers to its nodes; no other host is ever asked. */

import { type Latest, LATEST_FILE, readLatest, ReleaseError } from "../../release/mod.ts";

const ANSWER_WITHIN_MS = 15_000;

/** Where the gateway that nodes dial at `serverUrl` has its other paths: `https://gateway.example`. */
export function gatewayAddress({ href }: URL): string {
  return href.replace(/^ws/, "http").replace(/\?.*$/, "").replace(/\/(ws)?\/*$/, "");
}

/** Null: it offers none. Rejects where the gateway cannot be reached. */
export async function offeredRelease(serverUrl: URL): Promise<Latest | null> {
  const response = await fetch(`${gatewayAddress(serverUrl)}/download/${LATEST_FILE}`, {
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  if (!response.ok) return null;
  try {
    return readLatest(await response.text());
  } catch (error) {
    if (error instanceof ReleaseError) return null;
    throw error;
  }
}

/** What tests started and have not stopped: ended after each test file, newest first. Preloaded by bunfig.toml. */

import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

type Stop = () => Promise<void> | void;

const stops: Stop[] = [];

/** Remembers how to end something; `stop` must be harmless when it has ended already. */
export function endAfterTests(stop: Stop): void {
  stops.push(stop);
}

/** A new folder, removed with all that is in it after the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "co-link-test-"));
  endAfterTests(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Ends all of it now: for campaigns, which run outside of the test runner, and long. */
export async function endAll(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

const END_WITHIN_MS = 60_000;

try {
  afterAll(endAll, END_WITHIN_MS);
} catch {
  // Not within the test runner: the user of the harness there calls endAll.
}

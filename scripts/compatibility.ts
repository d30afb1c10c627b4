/**
 * Writes docs/compatibility.md from the tests that show it, and docs/clients.md from the table of
 * clients: `bun run compatibility`. `--clients [NAME…]` first installs and runs the real programs,
 * all or those named; `--cache DIR`: where they are kept.
 */

import { writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { allFeatures } from "../tests/compatibility/all.ts";
import { endAll } from "../tests/harness/cleanup.ts";
import { build } from "./build.ts";
import { clientVersions } from "./compatibility/client_versions.ts";
import { tryClient } from "./compatibility/clients/campaign.ts";
import { drivers } from "./compatibility/clients/drivers.ts";
import { readResults, writeResult } from "./compatibility/clients/results.ts";
import { startScene } from "./compatibility/clients/scene.ts";
import { clientPages, clientsPage } from "./compatibility/clients_page.ts";
import { compatibilityPage } from "./compatibility/page.ts";
import { onInterruption } from "./interruption.ts";
import { at } from "./root.ts";
import { Steps } from "./steps.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { clients: { type: "boolean" }, cache: { type: "string" } },
});

if (values.clients) await runClients(positionals, values.cache ?? defaultCache());
writePages();
process.exit(0);

/** Replaces the results of the clients that it runs. */
async function runClients(names: readonly string[], cache: string): Promise<void> {
  const unknown = names.find((name) => !drivers.some(({ client }) => client === name));
  if (unknown !== undefined) {
    const all = drivers.map(({ client }) => client).join(", ");
    throw new Error(`Cannot run "${unknown}": choose among ${all}`);
  }
  const steps = new Steps();
  await build(["web", "server", "client"], steps);
  onInterruption(async () => {
    await endAll();
    process.exit(130);
  });
  const scene = await startScene();
  const date = new Date().toISOString().slice(0, 10);
  for (const driver of drivers) {
    if (names.length > 0 && !names.includes(driver.client)) continue;
    const result = await tryClient(driver, scene, cache, date, (line) => steps.say(line));
    writeResult(result, drivers.map(({ client }) => client));
  }
  await endAll();
}

function writePages(): void {
  for (const language of ["en", "zh-CN"] as const) {
    writeFileSync(at(clientPages[language]), clientsPage(language));
  }
  writeFileSync(
    at("docs", "compatibility.md"),
    compatibilityPage(allFeatures, clientVersions, readResults()),
  );
}

function defaultCache(): string {
  const folder = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  return join(folder, "co-link", "clients");
}

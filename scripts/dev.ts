/**
 * Gateway, node and demo upstream from source, rebuilt and restarted on save: `bun run dev`. Needs no
 * model; what it keeps is in data/dev.
 */

import { mkdirSync, watch } from "node:fs";
import { build } from "./build.ts";
import { DEMO_MODEL } from "./demo_upstream.ts";
import { nextFreePort } from "./free_port.ts";
import { installDependencies } from "./install.ts";
import { onInterruption } from "./interruption.ts";
import { ensureAccount } from "./quickstart/account.ts";
import { Stack } from "./quickstart/stack.ts";
import { curlLine } from "./quickstart/welcome.ts";
import { at } from "./root.ts";
import { Steps } from "./steps.ts";

const DEFAULT_PORT = 8080;

/** Editors write a file in several steps; one restart serves them all. */
const SETTLE_MS = 80;

type Part = "web" | "gateway" | "node";

/** What a change in a folder makes again, in this order. */
const consequences: Readonly<Record<string, readonly Part[]>> = {
  // The gateway reads the console's list of files when it starts.
  web: ["web", "gateway"],
  server: ["gateway"],
  client: ["node"],
  protocol: ["web", "gateway", "node"],
};

const dataDir = at("data", "dev");
const steps = new Steps();
const stack = new Stack(dataDir, {
  gateway: [process.execPath, at("server", "main.ts")],
  node: [process.execPath, at("client", "main.ts")],
}, (line) => steps.say(line));

const demo = {
  origin: "the demo upstream",
  model: DEMO_MODEL,
  provider: { type: "openai" as const, api_key: "none", base_url: stack.startDemo() },
};
let port = 0;
let url = "";

const renew: Readonly<Record<Part, () => Promise<void>>> = {
  web: () => build(["web"], steps),
  async gateway() {
    await stack.stopGateway();
    url = await stack.startGateway(port);
  },
  async node() {
    await stack.stopNode();
    const { user } = await ensureAccount(url, dataDir);
    await stack.startNode(url, user.client_token, demo);
    steps.say(`\n${curlLine(url, user.api_token, DEMO_MODEL)}\n`);
  },
};

/** A mistake in the sources must not end the session: it is shown, and the next save tries again. */
async function renewAll(parts: readonly Part[]): Promise<void> {
  try {
    for (const part of parts) await renew[part]();
  } catch (error) {
    steps.say(error instanceof Error ? error.message : String(error));
  }
}

/** One change at a time: the next waits for the one before. */
let work: Promise<void> = Promise.resolve();

function watchFolder([folder, parts]: [string, readonly Part[]]) {
  let settle: Timer | undefined;
  return watch(at(folder), { recursive: true }, () => {
    clearTimeout(settle);
    settle = setTimeout(() => {
      steps.say(`${folder}/ changed`);
      work = work.then(() => renewAll(parts));
    }, SETTLE_MS);
  });
}

await installDependencies();
mkdirSync(dataDir, { recursive: true, mode: 0o700 });
port = await nextFreePort(Number(process.env.PORT ?? DEFAULT_PORT));
await renewAll(["web", "gateway", "node"]);
const watchers = Object.entries(consequences).map(watchFolder);
onInterruption(async () => {
  watchers.forEach((watcher) => watcher.close());
  await work;
  await stack.stop();
  process.exit(0);
});

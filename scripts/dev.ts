/** Rebuilds and restarts on save: the console into dist/, the gateway (with it) from source. */

import { type FSWatcher, watch } from "node:fs";
import { build, type Part } from "./build.ts";
import { installDependencies } from "./install.ts";
import { onInterruption } from "./interruption.ts";
import { Program } from "./program.ts";
import { at } from "./root.ts";
import { Steps } from "./steps.ts";

/** Editors write a file in several steps; one restart serves them all. */
const SETTLE_MS = 80;

/** What a change in a folder leads to. */
const reactions: readonly { folder: string; rebuild?: Part; restart: boolean }[] = [
  { folder: "web", rebuild: "web", restart: false },
  { folder: "server", restart: true },
  { folder: "protocol", rebuild: "web", restart: true },
];

const steps = new Steps();
let gateway: Program | null = null;
/** One change at a time: the next waits for the one before. */
let work: Promise<void> = Promise.resolve();

async function restart(): Promise<void> {
  await gateway?.stop({ graceMs: 2000 });
  gateway = new Program("gateway", [process.execPath, at("server", "main.ts")], {
    env: { COLINK_DATA_DIR: at("data", "dev"), COLINK_DRAIN_SECONDS: "1", ...process.env },
    onLine: (line) => steps.say(line),
    shielded: true,
  });
}

async function rebuild(part: Part): Promise<void> {
  // A typing error in the console must not end the session: the step shows it.
  await build([part], steps).catch((error) => steps.say(String(error)));
}

function react({ folder, rebuild: part, restart: restarts }: typeof reactions[number]): FSWatcher {
  let settle: Timer | undefined;
  return watch(at(folder), { recursive: true }, () => {
    clearTimeout(settle);
    settle = setTimeout(() => {
      steps.say(`${folder}/ changed`);
      work = work.then(() => part && rebuild(part)).then(() => restarts ? restart() : undefined);
    }, SETTLE_MS);
  });
}

await installDependencies();
await rebuild("web");
await restart();
const watchers = reactions.map(react);
onInterruption(async () => {
  watchers.forEach((watcher) => watcher.close());
  await work;
  await gateway?.stop({ graceMs: 2000 });
  process.exit(0);
});

/**
 * Campaigns that take longer than tests may: `bun run soak [NAME…] [--seed N] [--runs N]
 * [--minutes N | --seconds N] [--with EXTRA,…] [--only KIND,…]`; without a name all of them. Last line:
 * `N passed, N failed, N skipped`. See docs/soak.md.
 */

import { parseArgs } from "node:util";
import { endAll } from "../tests/harness/cleanup.ts";
import { build } from "./build.ts";
import { onInterruption } from "./interruption.ts";
import { callers } from "./soak/callers.ts";
import { type Campaign, Skipped } from "./soak/campaign.ts";
import { kill, killPostgres } from "./soak/kill.ts";
import { leak } from "./soak/leak.ts";
import { links } from "./soak/links.ts";
import { resume } from "./soak/resume.ts";
import { rolling } from "./soak/rolling.ts";
import { simulate } from "./soak/simulate.ts";
import { stalled } from "./soak/stalled.ts";
import { storm } from "./soak/storm.ts";
import { strangers } from "./soak/strangers.ts";
import { Steps } from "./steps.ts";

const campaigns: readonly Campaign[] = [
  kill,
  killPostgres,
  stalled,
  storm,
  rolling,
  simulate,
  resume,
  links,
  strangers,
  callers,
  leak,
];

interface Options {
  chosen: readonly Campaign[];
  seed: number;
  runs: number | undefined;
  minutes: number | undefined;
  extras: ReadonlySet<string>;
  only: ReadonlySet<string>;
}

/** Progress is shown no more often than this. */
const PROGRESS_EVERY_MS = 15_000;

const steps = new Steps();
const tally = { passed: 0, failed: 0, skipped: 0 };

async function main({ chosen, ...extent }: Options): Promise<void> {
  await build(["web", "server", "client"], steps);
  steps.say(`seed ${extent.seed}`);
  for (const campaign of chosen) await run(campaign, extent);
}

async function run({ name, about, run }: Campaign, extent: Omit<Options, "chosen">): Promise<void> {
  steps.say(`  ${name}: ${about}`);
  const startedMs = performance.now();
  const end = (mark: string, result: string) => {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    steps.say(`${mark} ${name}: ${result} (${seconds} s)`);
  };
  try {
    end("✓", await run({ ...extent, progress: progressOf(name) }));
    tally.passed++;
  } catch (error) {
    const isSkipped = error instanceof Skipped;
    end(isSkipped ? "skipped" : "✗", error instanceof Error ? error.message : String(error));
    tally[isSkipped ? "skipped" : "failed"]++;
  } finally {
    await endAll();
  }
}

function progressOf(name: string): (state: string) => void {
  let saidMs = performance.now();
  return (state) => {
    if (performance.now() - saidMs < PROGRESS_EVERY_MS) return;
    saidMs = performance.now();
    steps.say(`  ${name}: ${state}`);
  };
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      runs: { type: "string" },
      minutes: { type: "string" },
      seconds: { type: "string" },
      with: { type: "string", multiple: true },
      only: { type: "string", multiple: true },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    steps.say(campaigns.map(described).join("\n"));
    process.exit(0);
  }
  const seconds = positive("--seconds", values.seconds);
  const chosen = positionals.length === 0 ? campaigns : positionals.map(campaignNamed);
  const extras = chosen.flatMap(({ extras = [] }) => extras);
  const kinds = chosen.flatMap(({ kinds = [] }) => kinds);
  return {
    chosen,
    extras: someOf(extras, "--with", listed(values.with)),
    only: someOf(kinds, "--only", listed(values.only)),
    seed: positive("--seed", values.seed) ?? Math.floor(Math.random() * 1_000_000),
    runs: positive("--runs", values.runs),
    minutes: positive("--minutes", values.minutes) ?? (seconds && seconds / 60),
  };
}

function described({ name, about, extras = [], kinds = [] }: Campaign): string {
  const choices = [["--with", extras], ["--only", kinds]] as const;
  const lines = choices.filter(([, all]) => all.length > 0).map(([flag, all]) =>
    `${" ".repeat(15)}${flag} ${all.join(", ")}`
  );
  return [`${name.padEnd(14)} ${about}`, ...lines].join("\n");
}

/** A flag may be given several times, or once with several names. */
function listed(flags: readonly string[] = []): string[] {
  return flags.flatMap((list) => list.split(","));
}

function someOf(
  known: readonly string[],
  flag: string,
  named: readonly string[],
): ReadonlySet<string> {
  const unknown = named.find((one) => !known.includes(one));
  if (unknown === undefined) return new Set(named);
  throw new Error(`${flag} ${unknown}: choose among ${known.join(", ") || "none"}`);
}

function campaignNamed(name: string): Campaign {
  const campaign = campaigns.find((one) => one.name === name);
  if (campaign !== undefined) return campaign;
  const names = campaigns.map((one) => one.name).join(", ");
  throw new Error(`Cannot run "${name}": choose among ${names}`);
}

function positive(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!(number > 0)) throw new Error(`${flag} ${text}: expected a number above 0`);
  return number;
}

onInterruption(async () => {
  steps.say("Stopped before the end.");
  await endAll();
  process.exit(130);
});

try {
  await main(readOptions());
} catch (error) {
  steps.say(error instanceof Error ? error.message : String(error));
  tally.failed++;
}
steps.say(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
process.exit(tally.failed === 0 ? 0 : 1);

/** The call room's simulation with many more seeds, and the property tests with many more runs. */

import { readFileSync } from "node:fs";
import { run } from "../program.ts";
import { at, root } from "../root.ts";
import type { Campaign, CampaignOptions } from "./campaign.ts";

const SEEDS = 10_000;
const PROPERTY_RUNS = 5_000;

/** For one test: with so many runs, far more than Bun's five seconds. */
const TEST_TIMEOUT_MS = 30 * 60_000;

export const simulate: Campaign = {
  name: "simulate",
  about: "10,000 seeds (--runs N: N seeds) of the call room under a fake clock; property tests",
  run: search,
};

async function search({ seed, runs: seeds = SEEDS, progress }: CampaignOptions): Promise<string> {
  progress(`${seeds} seeds of the simulation`);
  const first = String(seed);
  const simulated = await runTests(["server/call/simulation_test.ts"], {
    COLINK_TEST_SEEDS: String(seeds),
    COLINK_TEST_FIRST_SEED: first,
  });
  const files = propertyTests();
  progress(`${files.length} files of properties`);
  const tried = await runTests(files, {
    COLINK_TEST_PROPERTY_RUNS: String(PROPERTY_RUNS),
    COLINK_TEST_FIRST_SEED: first,
  });
  return `seeds ${seed} to ${seed + seeds - 1}, ${simulated.checks} checks; ` +
    `${tried.tests} tests in ${files.length} files with properties, ${tried.checks} checks`;
}

/** Tests of properties that start no processes. */
function propertyTests(): string[] {
  const files = new Bun.Glob("{protocol,server,client}/**/*_test.ts").scanSync({ cwd: root });
  return [...files].filter((file) =>
    readFileSync(at(file), "utf8").includes("harness/fast_check.ts")
  );
}

/** Throws with what the tests printed when one fails. */
export async function runTests(
  files: readonly string[],
  env: Record<string, string>,
): Promise<{ tests: number; checks: number }> {
  const { code, output } = await run([
    process.execPath,
    "test",
    "--only-failures",
    `--timeout=${TEST_TIMEOUT_MS}`,
    ...files,
  ], { cwd: root, env: { ...process.env, ...env } });
  if (code !== 0) throw new Error(`failed with ${JSON.stringify(env)}:\n${output}`);
  const count = (what: string) => Number(new RegExp(`^\\s*(\\d+) ${what}`, "m").exec(output)?.[1]);
  return { tests: count("pass"), checks: count("expect\\(\\) calls") };
}

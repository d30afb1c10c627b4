/**
 * Changes the product's code in small ways and counts how many of the changes a test notices:
 * `bun run mutants FOLDER… [--most N] [--seed N] [--system]`. Tests run against a copy of the
 * sources. `--system` runs the whole-system tests of a room against the mutants that its unit tests
 * do not notice. Prints every unnoticed change, then a line per folder.
 */

import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { onInterruption } from "./interruption.ts";
import { isEquivalent } from "./mutants/equivalent.ts";
import { type Mutation, mutationsOf } from "./mutants/mutation.ts";
import { nearestTests } from "./mutants/nearest_tests.ts";
import { systemTestsOf } from "./mutants/system_tests.ts";
import { run } from "./program.ts";
import { at, root } from "./root.ts";
import { Dice } from "./soak/random.ts";
import { startPostgres } from "./testing/postgres.ts";
import { startRedis } from "./testing/redis.ts";
import { type Service, temporaryFolder } from "./testing/service.ts";

/** A mutant may make tests wait or loop indefinitely; this counts as noticed. */
const UNIT_TEST_TIMEOUT_MS = 10_000;
const SYSTEM_TEST_TIMEOUT_MS = 60_000;
/** A test without any change may take this long: a slow machine is no reason to judge nothing. */
const UNCHANGED_TIMEOUT_MS = 60_000;
/** A mutant's tests may take this many times as long as they do without a change. */
const SLOWDOWN = 3;

/** One change of one file. */
interface Mutant extends Mutation {
  path: string;
}

interface Score {
  noticed: number;
  unnoticed: number;
  equivalent: number;
}

const copy = temporaryFolder("mutants");
const services: Service[] = [];
/** Milliseconds that each unit test file took without any change. */
const unchangedMs = new Map<string, number>();

async function main(): Promise<void> {
  const { values, positionals: folders } = parseArgs({
    allowPositionals: true,
    options: {
      most: { type: "string", default: "60" },
      seed: { type: "string", default: "1" },
      system: { type: "boolean", default: false },
    },
  });
  if (folders.length === 0) throw new Error("Cannot choose what to change: name a folder");
  const paths = await copySources();
  await startServices();
  for (const folder of folders) {
    const mutants = choose(mutantsIn(folder, paths), Number(values.most), Number(values.seed));
    await demandPassing(mutants, paths);
    const score = await tryAll(mutants, paths, values.system);
    const { noticed, unnoticed, equivalent } = score;
    const share = (100 * noticed / Math.max(1, noticed + unnoticed)).toFixed(0);
    console.log(
      `${folder}: ${noticed} of ${noticed + unnoticed} noticed, ${share} %` +
        ` (${equivalent} judged equivalent, seed ${values.seed})`,
    );
  }
}

/** Copies every file of the project; returns their paths. */
async function copySources(): Promise<string[]> {
  const listed = await run(["git", "ls-files", "-co", "--exclude-standard"], { cwd: root });
  const paths = listed.output.split("\n").filter((path) => path !== "" && Bun.file(at(path)).size);
  for (const path of paths) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    cpSync(at(path), join(copy, path));
  }
  symlinkSync(at("node_modules"), join(copy, "node_modules"));
  symlinkSync(at("dist"), join(copy, "dist"));
  return paths;
}

/** Unit tests of the store and of the cluster run against real databases. */
async function startServices(): Promise<void> {
  const starts = { TEST_DATABASE_URL: startPostgres, TEST_REDIS_URL: startRedis };
  for (const [variable, start] of Object.entries(starts)) {
    if (process.env[variable]) continue;
    const service = await start();
    services.push(service);
    process.env[variable] = service.url;
  }
}

function mutantsIn(folder: string, paths: readonly string[]): Mutant[] {
  return paths.filter((path) => path.startsWith(folder) && isProduct(path))
    .flatMap((path) =>
      mutationsOf(readFileSync(at(path), "utf8")).map((mutation) => ({ path, ...mutation }))
    );
}

function isProduct(path: string): boolean {
  return /\.tsx?$/.test(path) && !/_test\.tsx?$|_harness\.ts$|(^|\/)testing\//.test(path);
}

function choose(mutants: Mutant[], most: number, seed: number): Mutant[] {
  const dice = new Dice(seed);
  while (mutants.length > most) mutants.splice(dice.between(0, mutants.length - 1), 1);
  return mutants;
}

/** A test that fails without any change would make every change look noticed. */
async function demandPassing(mutants: readonly Mutant[], paths: readonly string[]): Promise<void> {
  const tests = new Set(mutants.flatMap(({ path }) => nearestTests(path, paths)));
  for (const test of tests) {
    if (unchangedMs.has(test)) continue;
    const startMs = performance.now();
    const isPassing = await pass([test], UNCHANGED_TIMEOUT_MS);
    unchangedMs.set(test, performance.now() - startMs);
    if (isPassing) continue;
    throw new Error(`Cannot judge by ${test}: it fails although nothing was changed`);
  }
}

async function tryAll(
  mutants: readonly Mutant[],
  paths: readonly string[],
  isSystem: boolean,
): Promise<Score> {
  const score: Score = { noticed: 0, unnoticed: 0, equivalent: 0 };
  for (const mutant of mutants) {
    if (isEquivalent(mutant)) score.equivalent++;
    else if (await isNoticed(mutant, paths, isSystem)) score.noticed++;
    else {
      score.unnoticed++;
      console.log(`unnoticed  ${mutant.path}:${mutant.line}  ${mutant.what}\n    ${mutant.text}`);
    }
  }
  return score;
}

async function isNoticed(
  mutant: Mutant,
  paths: readonly string[],
  isSystem: boolean,
): Promise<boolean> {
  const file = join(copy, mutant.path);
  const original = readFileSync(file, "utf8");
  writeFileSync(file, mutant.apply(original));
  try {
    const unit = nearestTests(mutant.path, paths);
    if (unit.length > 0 && !await pass(unit, unitTimeoutMs(unit))) return true;
    const system = isSystem ? systemTestsOf(mutant.path) : [];
    return system.length > 0 && !await pass(system, SYSTEM_TEST_TIMEOUT_MS);
  } finally {
    writeFileSync(file, original);
  }
}

/** Long enough that a machine that is busy with other work does not make a mutant look noticed. */
function unitTimeoutMs(tests: readonly string[]): number {
  const slowestMs = Math.max(...tests.map((test) => unchangedMs.get(test) ?? 0));
  return Math.max(UNIT_TEST_TIMEOUT_MS, Math.ceil(SLOWDOWN * slowestMs));
}

async function pass(tests: readonly string[], timeoutMs: number): Promise<boolean> {
  const command = [process.execPath, "test", "--no-orphans", "--bail", `--timeout=${timeoutMs}`];
  const child = Bun.spawn([...command, ...tests.map((path) => `./${path}`)], {
    cwd: copy,
    // A system test starts the programs from these sources, not from bin/.
    env: { ...process.env, COLINK_TEST_SOURCE: "1" },
    stdio: ["ignore", "ignore", "ignore"],
    // The time-out of a test does not end a loop that never yields.
    timeout: tests.length * timeoutMs,
    killSignal: "SIGKILL",
  });
  return await child.exited === 0;
}

async function cleanUp(): Promise<void> {
  await Promise.all(services.map((service) => service.stop()));
  rmSync(copy, { recursive: true, force: true });
}

onInterruption(async () => {
  await cleanUp();
  process.exit(130);
});

try {
  await main();
} finally {
  await cleanUp();
}

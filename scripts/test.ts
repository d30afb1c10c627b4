/**
 * Checks and tests everything: `bun run test [--fast] [files…]`. Needs nothing installed but Bun:
 * brings dependencies, PostgreSQL and Redis itself. Last line: `N passed, N failed, N skipped`.
 */

import { chmodSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { build } from "./build.ts";
import { installDependencies } from "./install.ts";
import { onInterruption } from "./interruption.ts";
import { root } from "./root.ts";
import { Steps } from "./steps.ts";
import { checks, runCheck } from "./testing/checks.ts";
import { findOrBuildPebble } from "./testing/pebble.ts";
import { startPostgres } from "./testing/postgres.ts";
import { findOrFetchPython, type PythonFound } from "./testing/python.ts";
import { startRedis } from "./testing/redis.ts";
import { provide, type Requirement, requirements } from "./testing/requirement.ts";
import { type Service, temporaryFolder } from "./testing/service.ts";
import { readTally, type Tally } from "./testing/tally.ts";

/** Tests in this folder take long: `--fast` (the task `ok`) leaves them out. */
const SLOW = "tests/slow/**";

/** Real processes on a busy machine are slower than Bun's five seconds allow for. */
const TEST_TIMEOUT_MS = 180_000;

/**
 * Test files that run at a time: one more than there are processors, because those of the whole
 * system wait for timers and for each other more than half of their time.
 */
const LANES = availableParallelism() + 1;

/** Names the Python that runs the documentation's programs. */
const PYTHON = "COLINK_TEST_PYTHON";

/** Settings of somebody's own gateway must not reach the ones under test. */
const FOREIGN = /^(PORT|DATABASE_URL|REDIS_URL|JWT_SECRET|COLINK_(?!TEST_).*|.*_API_KEY)$/;

const steps = new Steps();
const services: Service[] = [];
const folder = temporaryFolder("tests");
let running: Bun.Subprocess | null = null;
const tally: Tally = { passed: 0, failed: [], skipped: [] };

/** A step that counts as one test. False: it failed, and has said why. */
async function check(name: string, work: () => Promise<string | void>): Promise<boolean> {
  try {
    await steps.run(name, work);
    tally.passed++;
    return true;
  } catch (error) {
    steps.say(error instanceof Error ? error.message : String(error));
    tally.failed.push(name);
    return false;
  }
}

async function main(args: readonly string[]): Promise<void> {
  const isFast = args.includes("--fast");
  const files = args.filter((arg) => !arg.startsWith("--"));
  const unknown = args.find((arg) => arg.startsWith("--") && arg !== "--fast");
  if (unknown !== undefined) throw new Error(`Cannot read ${unknown}: only --fast and files`);

  if (!await check("install dependencies", installDependencies)) return;
  if (!await check("find or install what tests run against", provideServices)) return;
  // Takes the network's time, while the build takes the processor's.
  const python = process.env[PYTHON] === undefined ? findOrFetchPython() : null;
  const pebble = isFast ? null : findOrBuildPebble();
  if (!await check("build the console and both executables", buildAll)) return;
  const chosen = files.length > 0 ? [] : checks.filter(({ isSlow }) => !(isFast && isSlow));
  // The longest takes one processor for as long as all others together.
  const [long, short] = [chosen.filter((one) => one.isSlow), chosen.filter((one) => !one.isSlow)];
  await Promise.all([long, short].map(async (lane) => {
    for (const one of lane) await check(one.name, () => runCheck(one));
  }));
  if (!await check("start PostgreSQL and Redis", startServices)) return;
  if (python !== null) await check("find or fetch a Python", () => providePython(python));
  if (pebble !== null) {
    await check("find or build a certificate authority (pebble)", async () => (await pebble).note);
  }
  await runTests(files, isFast);
}

async function providePython(found: Promise<PythonFound>): Promise<string> {
  const { python, note } = await found;
  if (python !== null) process.env[PYTHON] = python;
  return note;
}

async function provideServices(): Promise<string | void> {
  const { postgres, redis, pgbouncer, chromium, nginx, haproxy, promtool } = requirements;
  const all: Requirement[] = [
    postgres,
    redis,
    pgbouncer,
    chromium,
    nginx,
    haproxy,
    promtool,
  ];
  const needed = all.filter(({ instead }) => instead === undefined || !process.env[instead]);
  const installed = await provide(needed);
  return installed.length > 0 ? `installed ${installed.join(", ")}` : undefined;
}

async function buildAll(): Promise<void> {
  await build(["web", "server", "client"], { run: (_name, work) => Promise.resolve(work()) });
}

async function startServices(): Promise<void> {
  await Promise.all([
    provideUrl("TEST_DATABASE_URL", startPostgres),
    provideUrl("TEST_REDIS_URL", startRedis),
  ]);
}

async function provideUrl(variable: string, start: () => Promise<Service>): Promise<void> {
  if (process.env[variable]) return;
  const service = await start();
  services.push(service);
  process.env[variable] = service.url;
}

async function runTests(files: readonly string[], isFast: boolean): Promise<void> {
  const report = join(folder, "report.xml");
  const command = [
    process.execPath,
    "test",
    // Whatever a test forgot to end ends with it.
    "--no-orphans",
    `--parallel=${LANES}`,
    `--timeout=${TEST_TIMEOUT_MS}`,
    "--only-failures",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...(isFast ? [`--path-ignore-patterns=${SLOW}`] : []),
    ...files,
  ];
  const startedAt = performance.now();
  running = Bun.spawn(command, {
    cwd: root,
    env: testEnvironment(),
    stdio: ["ignore", "inherit", "inherit"],
  });
  add(readTally(report, await running.exited));
  steps.say(`tests ran for ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}

function testEnvironment(): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  return {
    ...Object.fromEntries(own),
    COLINK_TEST_CHROMIUM: requirements.chromium.find() ?? undefined,
    TMPDIR: folder,
    // Tests compare what the programs say.
    COLINK_LANGUAGE: "en",
  };
}

function add({ passed, failed, skipped }: Tally): void {
  tally.passed += passed;
  tally.failed.push(...failed);
  tally.skipped.push(...skipped);
}

async function cleanUp(): Promise<void> {
  await Promise.all(services.map((service) => service.stop()));
  rmSync(folder, { recursive: true, force: true });
}

onInterruption(async () => {
  steps.say("Stopped before the end.");
  running?.kill();
  await cleanUp();
  process.exit(130);
});

// Servers that run as another user must get through to their folders in it.
chmodSync(folder, 0o711);
try {
  await main(process.argv.slice(2));
} catch (error) {
  steps.say(error instanceof Error ? error.message : String(error));
  tally.failed.push("the test command itself");
}
await cleanUp();
for (const name of tally.skipped) steps.say(`skipped: ${name}`);
for (const name of tally.failed) steps.say(`failed: ${name}`);
steps.say(
  `${tally.passed} passed, ${tally.failed.length} failed, ${tally.skipped.length} skipped`,
);
process.exit(tally.failed.length === 0 ? 0 : 1);

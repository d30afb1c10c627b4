/**
 * Measures the console's views over a long history: `bun run bench:usage [--calls N] [--days N]
 * [--only sqlite|postgres]`. Starts a gateway over a database of its own, fills that by bulk SQL,
 * sends the console's requests and prints a table. Exits with 1 where a view misses its goal.
 */

import { SQL } from "bun";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createAccount } from "../tests/harness/account.ts";
import { endAll } from "../tests/harness/cleanup.ts";
import { type Gateway, startGateway } from "../tests/harness/gateway.ts";
import { type DatabaseKind, fill, type Run } from "./bench_usage/history.ts";
import { build } from "./build.ts";
import { onInterruption } from "./interruption.ts";
import { Steps } from "./steps.ts";
import { startPostgres } from "./testing/postgres.ts";
import type { Service } from "./testing/service.ts";

/** A view is to answer within this time. */
const GOAL_MS = 300;

const ROUNDS = 15;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Options {
  calls: number;
  days: number;
  kinds: readonly DatabaseKind[];
}

interface Timing {
  view: string;
  medianMs: number;
  worstMs: number;
}

const steps = new Steps();
const services: Service[] = [];

async function main({ calls, days, kinds }: Options): Promise<boolean> {
  await build(["web", "server"], steps);
  let isEveryGoalMet = true;
  for (const kind of kinds) {
    const timings = await measure(kind, calls, days);
    steps.say(`\n${kind}: ${calls.toLocaleString("en")} calls of one account in ${days} days`);
    for (const { view, medianMs, worstMs } of timings) {
      const mark = medianMs <= GOAL_MS ? "✓" : "✗";
      isEveryGoalMet &&= medianMs <= GOAL_MS;
      steps.say(
        `${mark} ${view.padEnd(58)} median ${shown(medianMs)}  slowest ${shown(worstMs)}`,
      );
    }
    steps.say("");
  }
  return isEveryGoalMet;
}

async function measure(kind: DatabaseKind, calls: number, days: number): Promise<Timing[]> {
  const env = await database(kind);
  const gateway = await startGateway({ env });
  const account = await createAccount(gateway);
  const until = Date.now();
  const { run, close } = connect(gateway, env.DATABASE_URL);
  const history = { accountId: account.user.id, calls, days, until };
  const startedMs = performance.now();
  for await (const what of fill(run, kind, history)) {
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
    steps.say(`  ${kind}: ${what} (after ${seconds} s)`);
  }
  await close();
  const timings: Timing[] = [];
  for (const [view, query] of views(until, days)) {
    timings.push({ view, ...await timed(gateway, account.jwt, query) });
  }
  await gateway.stop();
  return timings;
}

/** The console's requests, and the slowest that it can send. */
function views(until: number, days: number): [view: string, query: string][] {
  const usage = (fromMs: number, more = "") =>
    `/api/usage?from=${until - fromMs}&to=${until}${more}`;
  const all = days * DAY_MS;
  return [
    [`usage, ${days} days`, usage(all)],
    [`usage, ${days} days, provided`, usage(all, "&side=provided")],
    [`usage, ${days} days, of one model`, usage(all, "&model=model-3")],
    [`usage, ${days} days, of one key and node`, usage(all, "&key=key_bench_1&node=node-bench-2")],
    ["usage, 14 days by the hour", usage(14 * DAY_MS)],
    ["usage, 14 days by the hour, of one model", usage(14 * DAY_MS, "&model=model-3")],
    ["usage, 6 hours by the minute", usage(6 * HOUR_MS)],
    ["calls, first page", "/api/calls"],
    ["calls, a page in the middle", `/api/calls?to=${until - all / 2}`],
    ["calls, of one model", "/api/calls?model=model-3"],
    ["calls, failed ones", "/api/calls?outcome=failed"],
    ["calls, a filter that matches nothing", "/api/calls?model=none"],
  ];
}

async function timed({ url }: Gateway, token: string, query: string) {
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const startedMs = performance.now();
    const response = await fetch(url + query, { headers: { authorization: `Bearer ${token}` } });
    const text = await response.text();
    if (!response.ok) throw new Error(`${query}: ${response.status} ${text}`);
    // The first round only fills caches.
    if (round > 0) times.push(performance.now() - startedMs);
  }
  times.sort((a, b) => a - b);
  return { medianMs: times[Math.floor(times.length / 2)] ?? NaN, worstMs: times.at(-1) ?? NaN };
}

async function database(kind: DatabaseKind): Promise<Record<string, string>> {
  if (kind === "sqlite") return {};
  const service = await steps.run("start PostgreSQL", () => startPostgres());
  services.push(service);
  return { DATABASE_URL: service.url, JWT_SECRET: "0123456789abcdef".repeat(4) };
}

function connect(
  { dataDir }: Gateway,
  databaseUrl: string | undefined,
): { run: Run; close: () => Promise<void> } {
  if (databaseUrl === undefined) {
    const file = new Database(join(dataDir, "colink.db"));
    file.run("pragma busy_timeout = 600000");
    file.run("pragma cache_size = -400000");
    return {
      run: (statement) => Promise.resolve(file.run(statement)),
      close: () => Promise.resolve(file.close()),
    };
  }
  const sql = new SQL(databaseUrl, { max: 1 });
  return { run: (statement) => sql.unsafe(statement), close: () => sql.end() };
}

function shown(ms: number): string {
  return `${ms.toFixed(1).padStart(7)} ms`;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      calls: { type: "string", default: "10000000" },
      days: { type: "string", default: "90" },
      only: { type: "string" },
    },
  });
  const calls = Number(values.calls);
  const days = Number(values.days);
  if (!(calls >= 1) || !(days >= 1)) throw new Error("--calls and --days: expected 1 or more");
  if (values.only === undefined) return { calls, days, kinds: ["sqlite", "postgres"] };
  if (values.only !== "sqlite" && values.only !== "postgres") {
    throw new Error("--only: expected sqlite or postgres");
  }
  return { calls, days, kinds: [values.only] };
}

async function cleanUp(): Promise<void> {
  await endAll();
  await Promise.all(services.splice(0).map((service) => service.stop()));
}

if (import.meta.main) {
  onInterruption(cleanUp);
  try {
    const isEveryGoalMet = await main(readOptions());
    await cleanUp();
    process.exit(isEveryGoalMet ? 0 : 1);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    await cleanUp();
    process.exit(1);
  }
}

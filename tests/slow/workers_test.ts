/** `server --workers N`: several processes at one port, which callers and nodes cannot tell from one. */

import { describe, expect, test } from "bun:test";
import { freePort } from "../../scripts/free_port.ts";
import { Program } from "../../scripts/program.ts";
import { createAccount } from "../harness/account.ts";
import { chat, hello } from "../harness/api.ts";
import { endAfterTests, temporaryFolder } from "../harness/cleanup.ts";
import { gauges, testRedisUrl } from "../harness/cluster.ts";
import { createDatabase } from "../harness/database.ts";
import { gatewayCommand, gatewayEnvironment, runGateway } from "../harness/gateway.ts";
import { connectScriptedNode } from "../harness/scripted_node.ts";
import { until, within } from "../harness/wait.ts";

const WORKERS = 2;

/** Longer than a worker may be silent. */
const FROZEN_MS = 12_000;

async function startWorkers(): Promise<{ url: string; wsUrl: string; program: Program }> {
  const dataDir = temporaryFolder();
  const port = freePort();
  const program = new Program("workers", [...gatewayCommand(), "--workers", String(WORKERS)], {
    cwd: dataDir,
    env: {
      ...gatewayEnvironment(dataDir),
      PORT: String(port),
      DATABASE_URL: await createDatabase(),
      REDIS_URL: testRedisUrl(),
      JWT_SECRET: crypto.randomUUID() + crypto.randomUUID(),
    },
  });
  endAfterTests(async () => void await program.stop({ graceMs: 10_000 }));
  const url = `http://127.0.0.1:${port}`;
  await areTogether(url);
  await until("all have said so", () => listening(program) === WORKERS);
  return { url, wsUrl: `ws://127.0.0.1:${port}/ws`, program };
}

async function areTogether(url: string): Promise<void> {
  await until("the workers reach each other", async () => {
    return (await gauges({ url })).colink_cluster_gateways_reachable === WORKERS;
  }, 180_000);
}

/** The process ids that the log names as listening now. */
function listening(program: Program): number {
  return program.lines.filter((line) => line.includes(`"listening"`)).length;
}

describe("two workers at one port", () => {
  test(
    "serve every node from either worker, replace a worker that dies, and exit with 0",
    async () => {
      const workers = await startWorkers();
      const { url, program } = workers;
      const account = await createAccount(workers);
      const node = await connectScriptedNode({
        wire: 2,
        gateway: workers,
        clientToken: account.clientToken,
        models: ["m"],
        maxParallel: 10,
      });
      node.onCall = ({ id }) => node.whole(id, "hello");
      // A new connection each: the system deals them out among the workers.
      const headers = { "content-type": "application/json", connection: "close" };
      for (let i = 0; i < 20; i++) {
        await until("it is served", async () => {
          return (await chat(workers, account.apiToken, hello("m"), { headers })).status === 200;
        });
      }
      expect(listening(program)).toBe(WORKERS);
      const [victim] = childrenOf(program.pid);
      process.kill(victim!, "SIGKILL");
      await until("another has taken its place", () => listening(program) === WORKERS + 1);
      await areTogether(url);
      program.signal("SIGTERM");
      expect(await within("the end", program.ended)).toBe(0);
    },
    180_000,
  );
});

test("a worker that freezes is killed and replaced, and receives no more connections", async () => {
  const { url, program } = await startWorkers();
  const [frozen, sound] = childrenOf(program.pid);
  process.kill(frozen!, "SIGSTOP");
  await until("another has taken its place", () => listening(program) === WORKERS + 1, 40_000);
  expect(program.lines.filter((line) => line.includes("is killed"))).toHaveLength(1);
  const now = childrenOf(program.pid);
  expect(now).toContain(sound!);
  expect(now).not.toContain(frozen!);
  await areTogether(url);
  // A new connection each.
  const headers = { connection: "close" };
  for (let i = 0; i < 20; i++) {
    const signal = AbortSignal.timeout(20_000);
    expect((await fetch(`${url}/livez`, { headers, signal })).status).toBe(200);
  }
  program.signal("SIGTERM");
  expect(await within("the end", program.ended)).toBe(0);
}, 180_000);

test(
  "workers that answer are left alone when the process that watches them was frozen",
  async () => {
    const { program } = await startWorkers();
    const workers = childrenOf(program.pid);
    program.signal("SIGSTOP");
    await Bun.sleep(FROZEN_MS);
    program.signal("SIGCONT");
    const before = program.lines.length;
    process.kill(workers[0]!, "SIGKILL");
    await until("the watch goes on", () => {
      return program.lines.slice(before).some((line) => line.includes("has died"));
    });
    expect(childrenOf(program.pid)).toContain(workers[1]!);
    expect(program.lines.some((line) => line.includes("is killed"))).toBe(false);
  },
  180_000,
);

test("workers require the settings that make them one cluster", async () => {
  const { code, output } = await runGateway(["--workers", "3"]);
  expect(code).toBe(2);
  expect(output).toContain("REDIS_URL");
  expect((await runGateway(["serve", "--workers", "0"])).output).toContain("from 1 to 64");
});

function childrenOf(pid: number): number[] {
  const { stdout } = Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(pid)]);
  return stdout.toString().trim().split(/\s+/).map(Number);
}

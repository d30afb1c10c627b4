/** A node that runs: looked at, paused, reloaded and stopped as its owner does it. */

import { beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeDetail } from "../api/mod.ts";
import { freePort } from "../scripts/free_port.ts";
import { Program } from "../scripts/program.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { chat, hello } from "./harness/api.ts";
import { endAfterTests, temporaryFolder } from "./harness/cleanup.ts";
import { done } from "./harness/console_api.ts";
import {
  type Gateway,
  gatewayCommand,
  gatewayEnvironment,
  startGateway,
} from "./harness/gateway.ts";
import { aMachine, type Machine } from "./harness/machine.ts";
import { listNodes, nodeCommand } from "./harness/node.ts";
import { after, startUpstream, type Upstream } from "./harness/upstream.ts";
import { until } from "./harness/wait.ts";

let gateway: Gateway;
let ada: Account;
let upstream: Upstream;
beforeAll(async () => {
  gateway = await startGateway();
  ada = await createAccount(gateway);
  upstream = startUpstream();
});

interface Config {
  models: string[];
  maxParallel?: number;
  name: string;
}

function write(machine: Machine, { models, maxParallel = 2, name }: Config): string {
  const path = join(machine.home, "config.yaml");
  const config = {
    client_token: ada.clientToken,
    server_url: gateway.wsUrl,
    max_parallel: maxParallel,
    name,
    providers: [{
      type: "openai",
      base_url: upstream.url,
      models: models.map((local) => ({ local })),
    }],
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

/** Says what happens as JSON lines. */
const isConnected = (line: string) => line.includes('"connected"') || undefined;

async function aNode(config: Config): Promise<{ machine: Machine; node: Program }> {
  const machine = aMachine();
  write(machine, config);
  const node = machine.start([]);
  await node.line(isConnected, 60_000);
  await until("the gateway lists it", () => viewOf(config.name));
  return { machine, node };
}

async function viewOf(name: string) {
  return (await listNodes(gateway)).find((node) => node.name === name);
}

test("its owner sees what it does, pauses and resumes it, and a second one leaves", async () => {
  const { machine, node } = await aNode({ models: ["one"], name: "watched" });
  const status = async () => JSON.parse((await machine.run(["status"])).output);
  await until("the round trip is known", async () => (await status()).roundTripMs !== null);
  expect(await status()).toMatchObject({
    state: "connected",
    models: ["one"],
    maxParallel: 2,
    active: 0,
    pause: null,
    pid: node.pid,
    configProblems: null,
  });
  const folder = join(machine.home, ".local/state/co-link");
  const door = readdirSync(folder).find((name) => name.endsWith(".sock"))!;
  expect((statSync(join(folder, door)).mode & 0o777).toString(8)).toBe("600");

  expect((await machine.run(["pause", "2h"])).output).toMatch(
    /Paused until .*Calls that run go on/,
  );
  await until("the gateway knows", async () => (await viewOf("watched"))?.state === "paused");
  expect((await status()).pause.untilMs).toBeGreaterThan(Date.now());
  await machine.run(["resume"]);
  await until("the gateway knows", async () => (await viewOf("watched"))?.state === "ready");
  expect((await machine.run(["pause", "soon"])).output).toContain('"soon" is no time to pause for');

  const second = await machine.run([]);
  expect([second.code, second.output]).toEqual([
    1,
    expect.stringMatching(/A node runs already .* --as NAME/s),
  ]);
  const deliberate = machine.start(["--as", "second"]);
  await deliberate.line(isConnected, 60_000);
  await until("both are listed", async () => await viewOf("second") && await viewOf("watched"));
  await deliberate.stop();
  await node.stop();
  expect((await machine.run(["status"])).output).toContain("No node runs here");
});

test("a node that can keep nothing, as in a container, serves all the same, and its log says what is missing", async () => {
  const machine = aMachine();
  const XDG_STATE_HOME = write(machine, { models: ["kept nowhere"], name: "forgetful" });
  const node = machine.start([], { XDG_STATE_HOME });
  expect(await node.line((line) => line.includes("XDG_STATE_HOME") ? line : undefined, 20_000))
    .toContain("ENOTDIR, a part of its path is no folder");
  await until("the gateway lists it", () => viewOf("forgetful"));
  expect((await chat(gateway, ada.apiToken, hello("kept nowhere"))).status).toBe(200);
  expect(await node.stop()).toBe(0);
});

test("a saved change is taken over without a new connection or a cut call; nonsense changes nothing", async () => {
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  upstream.behave("slow", after(gate));
  const { machine, node } = await aNode({ models: ["slow"], name: "edited" });
  const connectedAt = (await viewOf("edited"))!.connected_at;
  const call = chat(gateway, ada.apiToken, hello("slow"));
  await until("the call runs", () => upstream.calls.some(({ body }) => body.model === "slow"));

  const path = write(machine, { models: ["slow", "new"], maxParallel: 5, name: "edited" });
  await until("the gateway knows", async () => {
    const view = await viewOf("edited");
    return view?.max_parallel === 5 && view.supported_models.includes("new");
  });
  const good = readFileSync(path, "utf8");
  writeFileSync(path, "providers: [nonsense\n");
  await node.line((line) => line.includes("the one before stays in use") || undefined, 60_000);
  expect(JSON.parse((await machine.run(["status"])).output).configProblems).not.toBeNull();
  const { id } = (await viewOf("edited"))!;
  await until("the console shows it", async () => {
    const { timeline } = await done<NodeDetail>(gateway, ada, `GET /nodes/${id}`);
    return timeline.some(({ kind, detail }) =>
      kind === "notice" && detail?.includes("cannot be used")
    );
  });
  expect((await chat(gateway, ada.apiToken, hello("new"))).status).toBe(200);

  writeFileSync(path, good);
  node.signal("SIGHUP");
  await node.line((line) => line.includes("configuration reloaded") || undefined, 60_000);
  await until(
    "it is well again",
    async () => JSON.parse((await machine.run(["status"])).output).configProblems === null,
  );
  release();
  expect((await call).status).toBe(200);
  expect((await viewOf("edited"))!.connected_at).toBe(connectedAt);
  await node.stop();
});

test("another name or token is taken over with a new connection, once the calls have ended", async () => {
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  upstream.behave("kept", after(gate));
  const { machine, node } = await aNode({ models: ["kept"], name: "before" });
  const call = chat(gateway, ada.apiToken, hello("kept"));
  await until("the call runs", () => upstream.calls.some(({ body }) => body.model === "kept"));
  write(machine, { models: ["kept"], name: "after" });
  await until("it takes no more", async () => (await viewOf("before"))?.draining === true);
  release();
  expect((await call).status).toBe(200);
  await until("it is back under its new name", () => viewOf("after"));
  await node.stop();
});

/** Starts a program in a terminal of its own, and closes the terminal at the line that says it is ready. */
const IN_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[2], sys.argv[2:])
said = b""
while sys.argv[1].encode() not in said: said += os.read(terminal, 65536)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
`;

test.skipIf(Bun.which("python3") === null)(
  "closing the terminal lets both programs finish, as SIGTERM does (skipped without python3)",
  async () => {
    const machine = aMachine();
    write(machine, { models: ["one"], name: "closed" });
    const folder = temporaryFolder();
    const programs = [
      new Program("client", ["python3", "-c", IN_TERMINAL, "connected", ...nodeCommand()], {
        cwd: machine.home,
        env: machine.env,
      }),
      new Program("server", ["python3", "-c", IN_TERMINAL, "listening", ...gatewayCommand()], {
        cwd: folder,
        env: gatewayEnvironment(folder),
      }),
    ];
    for (const program of programs) endAfterTests(() => program.kill());
    await Promise.all(programs.map(({ ended }) => ended));
    expect(programs.map(({ lines }) => lines.at(-1))).toEqual(["0", "0"]);
  },
);

test.skipIf(process.platform !== "linux")(
  "a full disk for its log ends neither program",
  async () => {
    const port = await freePort();
    const folder = temporaryFolder();
    const quiet = (
      command: string[],
    ) => ["sh", "-c", 'exec "$@" > /dev/full 2>&1', "sh", ...command];
    const server = new Program("server", quiet(gatewayCommand()), {
      cwd: folder,
      env: { ...gatewayEnvironment(folder), PORT: String(port) },
    });
    const machine = aMachine();
    write(machine, { models: ["one"], name: "unheard" });
    const client = new Program("client", quiet(nodeCommand()), {
      cwd: machine.home,
      env: machine.env,
    });
    for (const program of [server, client]) endAfterTests(() => program.kill());
    await until(
      "the gateway serves",
      async () => (await fetch(`http://127.0.0.1:${port}/livez`)).ok,
    );
    await until("the node serves", () => viewOf("unheard"));
    expect([await server.stop(), await client.stop()]).toEqual([0, 0]);
  },
);

test("the doctors name cause and cure, and say nothing that is secret", async () => {
  const { machine, node } = await aNode({ models: ["one"], name: "patient" });
  const well = await machine.run(["doctor", "--report"]);
  expect(well.output).toContain("✓ WebSocket and token: accepted");
  expect(well.output).toMatch(/✓ node: connected, 1 model$/m);
  expect(well.output).toContain("✓ approval: the node gets calls");
  await node.stop();
  const path = join(machine.home, "config.yaml");
  const broken = readFileSync(path, "utf8")
    .replace(ada.clientToken, `${ada.clientToken.slice(0, -1)}!`)
    .replace(upstream.url, "http://127.0.0.1:9/v1");
  const policy = '{"policy":{"gpu_memory_free":"4000GiB","unknown":"deny"},';
  writeFileSync(path, broken.replace("{", policy));
  const ill = await machine.run(["doctor", "--report"]);
  expect(ill.code).toBe(1);
  expect(ill.output).toMatch(/✗ WebSocket and token: the gateway refused the node token \(401\)/);
  expect(ill.output).toMatch(/→ join again: \S+ join GATEWAY/);
  expect(ill.output).toMatch(/policy: .*graphics memory/);
  expect(ill.output).toMatch(/✗ providers\[0\] openai: Cannot reach/);
  for (const { output } of [well, ill]) expect(output).not.toContain(ada.clientToken.slice(0, 20));
});

/** Joining as a contributor does: one command on a machine with a model server, and it serves. */

import { beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { JoinCode, KeyView } from "../api/mod.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { chat, hello } from "./harness/api.ts";
import { done } from "./harness/console_api.ts";
import { joinBystander, whileWatched } from "./harness/bystander.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { aMachine } from "./harness/machine.ts";
import { type Ollama, startOllama } from "./harness/ollama.ts";
import { listNodes } from "./harness/node.ts";
import { until } from "./harness/wait.ts";

let gateway: Gateway;
let ada: Account;
let ollama: Ollama;
beforeAll(async () => {
  gateway = await startGateway({ env: { COLINK_JOINS_PER_HOUR: "20" } });
  ada = await createAccount(gateway);
  ollama = startOllama({ "tiny:1b": 1e9, "nomic-embed-text": 2e8 });
});

async function aCode(): Promise<string> {
  return (await done<JoinCode>(gateway, ada, "POST /join/codes")).code;
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("one command with a code joins, finds the models, tries them, serves, and keeps no secret in the open", async () => {
  const machine = aMachine({ OLLAMA_HOST: ollama.host });
  const code = await aCode();
  const client = machine.start(["join", gateway.url, code, "--yes", "--name", "studio-pc"]);
  await client.line((line) => line.includes('"connected"') || undefined, 60_000);
  const said = await until("it has said what became of the models", () => {
    const said = client.lines.join("\n");
    return said.includes("nomic-embed-text answered in") && said;
  });
  expect(said).toMatch(/Joined http\S+ as \S+@example.com's "studio-pc"\. Token saved/);
  expect(said).toMatch(/✓ tiny:1b answered in [\d.]+ s/);
  expect(said).toMatch(/✓ nomic-embed-text answered in/);
  expect(said).not.toContain("client-");

  expect([modeOf(machine.configFile()), modeOf(machine.configFile("token"))]).toEqual([
    "600",
    "600",
  ]);
  const config = parse(readFileSync(machine.configFile(), "utf8"));
  const provider = config.providers.find((one: { base_url?: string }) =>
    one.base_url === `${ollama.url}/v1`
  );
  expect(provider.models).toEqual([
    { local: "tiny:1b" },
    { local: "nomic-embed-text", endpoints: ["embeddings"] },
  ]);
  expect(readFileSync(`/proc/${client.pid}/cmdline`, "utf8")).not.toContain("client-");

  const answer = await chat(gateway, ada.apiToken, hello("tiny:1b"));
  expect(answer.status).toBe(200);
  const { keys } = await done<{ keys: KeyView[] }>(gateway, ada, "GET /keys");
  const key = keys.find(({ name }) => name === "studio-pc")!;
  expect(key).toMatchObject({ kind: "client", is_default: false });
  await done(gateway, ada, `DELETE /keys/${key.id}`);
  await client.line((line) => line.includes("was revoked") || undefined, 60_000);
});

test("without a code, the machine joins once its code was approved", async () => {
  const machine = aMachine();
  const client = machine.start(["join", gateway.url, "--no-init"]);
  const userCode = await client.line(
    (line) => /must show this code: (\S+)/.exec(line)?.[1],
    180_000,
  );
  const address = `${gateway.url}/join?code=${userCode}`;
  await client.line((line) => line.includes(address) || undefined, 60_000);
  await done(gateway, ada, `POST /join/requests/${userCode}`, { approved: true });
  expect(await client.ended).toBe(0);
  expect(readFileSync(machine.configFile("token"), "utf8")).toMatch(/^client-\w+\n$/);
});

test("a second join changes what was asked and leaves comments, order and everything else alone", async () => {
  const machine = aMachine({ OLLAMA_HOST: ollama.host });
  const first = ["join", gateway.url, await aCode(), "--no-start", "--yes", "--no-test"];
  expect((await machine.run(first)).code).toBe(0);
  const file = machine.configFile();
  const mine = readFileSync(file, "utf8")
    .replace("max_parallel: 2", "max_parallel: 7 # my own number")
    .replace(/ {6}- local: nomic[^]*?embeddings\n/, "");
  writeFileSync(file, mine);
  const token = readFileSync(machine.configFile("token"), "utf8");
  const again = ["join", gateway.url, await aCode(), "--no-start", "--yes", "--no-test"];
  expect((await machine.run(again)).code).toBe(0);
  expect(readFileSync(file, "utf8")).toBe(mine);
  expect(readFileSync(machine.configFile("token"), "utf8")).not.toBe(token);
});

test("a token in a file is taken without a word of it on the command line", async () => {
  const machine = aMachine({ OLLAMA_HOST: ollama.host });
  writeFileSync(`${machine.home}/given`, `${ada.clientToken}\n`);
  const args = ["join", gateway.url, "--token-file", "given", "--yes", "--no-start", "--no-test"];
  expect((await machine.run(args)).code).toBe(0);
  expect(readFileSync(machine.configFile("token"), "utf8").trim()).toBe(ada.clientToken);
});

test("what cannot be done is said in a line with the next step, and nothing is half done", async () => {
  const used = await aCode();
  const machine = aMachine({ OLLAMA_HOST: "127.0.0.1:9" });
  const files = () =>
    [...new Bun.Glob("**/*").scanSync({ cwd: machine.home, dot: true })]
      .filter((path) => !path.startsWith(".bun/"));
  writeFileSync(`${machine.home}/api-key`, ada.apiToken);
  await aMachine().run(["join", gateway.url, used, "--no-init"]);
  const before = files();
  const { host } = new URL(gateway.url);
  const cases: [args: string[], said: RegExp][] = [
    [[gateway.url, "WRNG-WRNG-WRNG"], /the code is wrong, was used or is older than 15 minutes/],
    [[gateway.url, used], /the code is wrong, was used or is older/],
    [["not an address"], /is no address of a gateway; give it as https:/],
    [["ftp://h"], /is no address of a gateway/],
    [["http://127.0.0.1:9"], /Cannot reach http:\/\/127.0.0.1:9: connection refused/],
    [[`127.0.0.2:${host.split(":")[1]}`, used], /Cannot reach|wrong, was used/],
    [[ollama.url], /is no Co-Link gateway/],
    [
      [gateway.url, "--token-file", "missing"],
      /Cannot read missing: ENOENT, no such file or folder/,
    ],
    [
      [gateway.url, "--token-file", "api-key"],
      /api-key holds an API key, which calls models; a node token begins with client-/,
    ],
  ];
  for (const [args, said] of cases) {
    const { code, output } = await machine.run(["join", ...args]);
    expect([args.join(" "), code, output]).toEqual([
      args.join(" "),
      1,
      expect.stringMatching(said),
    ]);
    expect(output).not.toContain(ada.apiToken);
  }
  expect(files()).toEqual(before);
});

test("a gateway that is too old to let machines join is named, with the way that works there", async () => {
  const old = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) =>
      new URL(request.url).pathname === "/api/info"
        ? Response.json({ version: "0.0.9" })
        : Response.json({ error: { code: "not_found", message: "no" } }, { status: 404 }),
  });
  const machine = aMachine();
  for (const code of [[], ["7KQ4-M2XP-9TRA"]]) {
    const { output } = await machine.run(["join", `http://127.0.0.1:${old.port}`, ...code]);
    expect(output).toMatch(/version 0\.0\.9\) is too old .* --token-file FILE/s);
  }
  void old.stop(true);
});

test("a machine without a model server is told what to start", async () => {
  const machine = aMachine({ OLLAMA_HOST: "127.0.0.1:9" });
  const { output } = await machine.run(["init", "--json"]);
  const found = JSON.parse(output) as { written: boolean };
  expect(found.written).toBe(false);
});

test("joining with --service keeps the node running by the system's own manager (a stand-in for systemctl)", async () => {
  const machine = aMachine({ OLLAMA_HOST: ollama.host });
  const tools = join(machine.home, "tools");
  mkdirSync(tools);
  // Starts the program as the unit says; everything else is noted only.
  const unit = join(machine.home, ".config/systemd/user/colink-client.service");
  writeFileSync(
    join(tools, "systemctl"),
    `#!/bin/sh
echo "$@" >> ${machine.home}/asked
case "$*" in *restart*) eval "$(sed -n 's/^ExecStart=//p' ${unit}) >/dev/null 2>&1 &" ;; esac
`,
    { mode: 0o755 },
  );
  writeFileSync(join(tools, "loginctl"), "#!/bin/sh\n", { mode: 0o755 });
  const args = ["join", gateway.url, await aCode(), "--yes", "--no-test", "--service"];
  const { code, output } = await machine.run(args, { PATH: `${tools}:${machine.env.PATH}` });
  expect([code, output]).toEqual([0, expect.stringMatching(/Connected to ws:\S+, \d+ models?\./)]);
  expect(readFileSync(`${machine.home}/asked`, "utf8")).toContain(
    "--user enable colink-client.service",
  );
  const { pid } = JSON.parse((await machine.run(["status"])).output) as { pid: number };
  process.kill(pid, "SIGTERM");
});

test("guessing codes costs a network its own tries, and a bystander nothing", async () => {
  const bystander = await createAccount(gateway);
  await joinBystander(gateway, bystander);
  const guess = () =>
    fetch(`${gateway.url}/api/join`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code: crypto.randomUUID().slice(0, 14), machine: "x" }),
    }).then(({ status }) => status);
  const statuses: number[] = [];
  const { failures, served } = await whileWatched(gateway, bystander, async () => {
    for (let n = 0; n < 200; n++) statuses.push(await guess());
  });
  expect(failures).toEqual([]);
  expect(served).toBeGreaterThan(0);
  expect(statuses.at(-1)).toBe(429);
  await until(
    "the budget is shown",
    async () =>
      (await (await fetch(`${gateway.url}/metrics`)).text())
        .includes('colink_budget_refusals_total{budget="joins_per_network"}'),
  );
  expect((await listNodes(gateway)).length).toBeGreaterThan(0);
});

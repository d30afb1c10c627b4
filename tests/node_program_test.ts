/** The node as its owner runs it: what it says when something is wrong, how it leaves, how it comes back. */

import { beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../scripts/free_port.ts";
import { Program, run } from "../scripts/program.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { chat, hello, stream } from "./harness/api.ts";
import { endAfterTests, temporaryFolder } from "./harness/cleanup.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { joinNode } from "./harness/joined_node.ts";
import { listNodes, nodeCommand, startNode } from "./harness/node.ts";
import { after, echo, startUpstream, type Upstream } from "./harness/upstream.ts";
import { until } from "./harness/wait.ts";

const EXIT_OK = 0;
const EXIT_BAD_USE = 2;
const SAID_WITHIN_MS = 60_000;

let gateway: Gateway;
let owner: Account;
let upstream: Upstream;
let folder: string;

beforeAll(async () => {
  gateway = await startGateway();
  owner = await createAccount(gateway);
  upstream = startUpstream();
  folder = temporaryFolder();
}, 180_000);

function writeConfig(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  return file;
}

function configText(serverUrl: string, token = owner.clientToken): string {
  return `client_token: ${token}
server_url: ${serverUrl}
providers:
  - type: openai
    api_key: sk-upstream
    base_url: ${upstream.url}
    models:
      - local: model
        server_mapping: model
`;
}

const environment = () => ({ PATH: process.env.PATH, HOME: folder, TMPDIR: tmpdir() });

function start(config: string): Program {
  const program = new Program("node", [...nodeCommand(), "-c", config], {
    cwd: folder,
    env: environment(),
  });
  endAfterTests(() => program.kill());
  return program;
}

/** The message of the first line that contains this. */
function says(program: Program, words: string): Promise<string> {
  return program.line((line) => line.includes(words) ? line : undefined, SAID_WITHIN_MS);
}

function provider(...models: string[]) {
  return {
    type: "openai" as const,
    api_key: "sk-upstream",
    base_url: upstream.url,
    models: models.map((name) => ({ local: name, server_mapping: name })),
  };
}

describe("a configuration that is wrong", () => {
  test("ends the program with 2, each mistake on a line of its own with its place", async () => {
    const file = writeConfig(
      "wrong.yaml",
      configText(gateway.wsUrl).replace("client_token", "client_tokn").replace(
        "type: openai",
        "type: opnai",
      ),
    );
    const { code, output } = await run([...nodeCommand(), "-c", file], { env: environment() });
    expect(code).toBe(EXIT_BAD_USE);
    const lines = output.split("\n");
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/wrong\.yaml:\d+:\d+: /);
    expect(output).toContain("client_tokn is not known; did you mean client_token?");
    expect(output).not.toContain(owner.clientToken);
  });

  test("ends the program with 2 when it is no YAML, or not there", async () => {
    const broken = writeConfig("broken.yaml", "providers: [\n  - {");
    const cases: [file: string, said: RegExp][] = [
      [broken, /broken\.yaml:\d+:\d+: /],
      [join(folder, "nowhere.yaml"), /no such file/],
    ];
    for (const [file, said] of cases) {
      const { code, output } = await run([...nodeCommand(), "--config", file], {
        env: environment(),
      });
      expect(code).toBe(EXIT_BAD_USE);
      expect(output).toMatch(said);
      expect(output).not.toMatch(/\n\s+at /);
    }
  });
});

describe("a gateway that cannot be joined is named in one line, and dialled again", () => {
  const cases: [what: string, url: () => string, token: () => string, said: string][] = [
    [
      "because it refuses the token",
      () => gateway.wsUrl,
      () => owner.clientToken.slice(0, -1) + (owner.clientToken.endsWith("A") ? "B" : "A"),
      "the gateway refused the node token (401); copy it from the console's Keys page",
    ],
    [
      "because nothing listens there",
      () => "ws://127.0.0.1:9/ws",
      () => owner.clientToken,
      "connection refused; is the gateway running at this port?",
    ],
    [
      "because the path is another one",
      () => gateway.wsUrl.replace("/ws", "/socket"),
      () => owner.clientToken,
      "server_url usually ends with /ws",
    ],
    [
      "because the path is that of the API",
      () => gateway.wsUrl.replace("/ws", "/v1"),
      () => owner.clientToken,
      "no gateway at this path (404)",
    ],
    [
      "because it does not speak TLS",
      () => gateway.wsUrl.replace("ws://", "wss://"),
      () => owner.clientToken,
      "the server does not speak TLS; try ws://",
    ],
  ];
  for (const [i, [what, url, token, said]] of cases.entries()) {
    test.concurrent(what, async () => {
      const program = start(writeConfig(`case-${i}.yaml`, configText(url(), token())));
      const line = await says(program, "cannot connect");
      expect(line).toContain(said);
      expect(line).toMatch(/dialling again (at once|in [\d.]+ s)/);
      expect(line).not.toContain(token());
      expect(program.isRunning).toBe(true);
      await program.kill();
    });
  }
});

describe("SIGTERM", () => {
  test("lets what runs finish, sends new calls elsewhere, and ends with 0", async () => {
    const gate = Promise.withResolvers<void>();
    upstream.behave("drained", after(gate.promise, echo()));
    const leaving = await startNode({
      gateway,
      clientToken: owner.clientToken,
      providers: [provider("drained")],
      maxParallel: 100,
    });
    const [running, whole] = [
      stream(gateway, owner.apiToken, hello("drained")),
      chat(gateway, owner.apiToken, hello("drained")),
    ];
    await until("the upstream has both", () => upstream.active === 2);
    const staying = await joinNode({ gateway, owner, models: ["drained"], maxParallel: 10 });
    const held = chat(gateway, owner.apiToken, hello("drained"));
    const heldId = await staying.called();
    const ended = leaving.stop();
    await says(leaving.program, "draining");

    // The one that stays is the busier one by now, so but for the draining these would go to the other.
    for (let i = 0; i < 4; i++) {
      const answer = chat(gateway, owner.apiToken, hello("drained"));
      staying.answer(await staying.called(), "elsewhere");
      expect((await answer).text).toContain("elsewhere");
    }
    staying.answer(heldId, "held");
    expect((await held).status).toBe(200);
    expect(upstream.calls.filter(({ body }) => body.model === "drained")).toHaveLength(2);
    expect((await listNodes(gateway)).some(({ penalized }) => penalized)).toBe(false);

    gate.resolve();
    expect((await Array.fromAsync((await running).events)).at(-1)).toBe("[DONE]");
    expect((await whole).text).toContain("hello");
    expect(await ended).toBe(EXIT_OK);
    await until("it is gone", async () => {
      return (await listNodes(gateway)).every(({ name }) => name === staying.nodeId);
    });
    await staying.raw.close();
  });

  test("twice cuts what runs and ends at once", async () => {
    const never = new Promise<void>(() => {});
    upstream.behave("cut", after(never));
    const node = await startNode({
      gateway,
      clientToken: owner.clientToken,
      providers: [provider("cut")],
    });
    const answer = chat(gateway, owner.apiToken, hello("cut"));
    const call = await until(
      "the upstream has it",
      () => upstream.calls.find(({ body }) => body.model === "cut"),
    );
    node.program.signal("SIGTERM");
    await says(node.program, "draining");
    node.program.signal("SIGTERM");
    expect(await node.program.ended).toBe(EXIT_OK);
    expect(call.signal.aborted).toBe(true);
    expect((await answer).status).toBeGreaterThanOrEqual(500);
  });
});

test("a program that is killed and started again serves at once, and answers what had not begun", async () => {
  const gate = Promise.withResolvers<void>();
  upstream.behave("model", after(gate.promise, echo()));
  const config = writeConfig("killed.yaml", configText(gateway.wsUrl));
  const first = start(config);
  const isServed = async () => {
    const nodes = await listNodes(gateway);
    return nodes.find(({ supported_models: [model] }) => model === "model");
  };
  await until("it serves", isServed);
  const answer = chat(gateway, owner.apiToken, hello("model"));
  const calls = () => upstream.calls.filter(({ body }) => body.model === "model");
  await until("the upstream has the call", () => calls().length === 1);
  await first.kill();
  const second = start(config);
  await until("the new program has the call", () => calls().length === 2);
  gate.resolve();
  expect((await answer).text).toContain("hello");
  expect((await isServed())?.penalties).toEqual([]);
  await second.kill();
});

describe("a gateway that was away", () => {
  for (const how of ["stopped", "killed"] as const) {
    test(`because it was ${how} is joined again, under the same id, and served as before`, async () => {
      const env = { PORT: String(await freePort()) };
      const first = await startGateway({ env });
      const { dataDir } = first;
      const account = await createAccount(first);
      const node = await startNode({
        gateway: first,
        clientToken: account.clientToken,
        providers: [provider("model")],
      });
      const [before] = await listNodes(first);
      await (how === "stopped" ? first.stop() : first.kill());
      await says(node.program, "dialling again");

      const second = await startGateway({ env, dataDir });
      const back = await until(
        "the node is back",
        async () => (await listNodes(second))[0],
        180_000,
      );
      expect(back).toMatchObject({ id: before!.id, penalized: false, active_tasks: 0 });
      const answer = await chat(second, account.apiToken, hello("model"));
      expect(answer.text).toContain("hello");
      expect(node.program.isRunning).toBe(true);
    });
  }
});

/** What must not be seen: keys, prompts and answers in logs and error texts, tokens in process lists; and whose settings count. */

import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program, run } from "../scripts/program.ts";
import { at } from "../scripts/root.ts";
import { type Account, createAccount, register } from "./harness/account.ts";
import { ask, chat, hello, stream } from "./harness/api.ts";
import { endAfterTests, temporaryFolder } from "./harness/cleanup.ts";
import { type Gateway, gatewayEnvironment, startGateway } from "./harness/gateway.ts";
import { joinNode } from "./harness/joined_node.ts";
import { listNodes, type RunningNode, startNode } from "./harness/node.ts";
import { cut, echo, refuse, say, startUpstream, type Upstream } from "./harness/upstream.ts";
import { until } from "./harness/wait.ts";

const PROMPT = "canary-prompt-7f3a";
const ANSWER = "canary-answer-9c1d";
const PROVIDER_KEY = "sk-canary-provider-key-51e2";
const PROVIDER_PATH = "canary-base-path-22b8";
const PASSWORD = "canary-password-08fe";

let gateway: Gateway;
let node: RunningNode;
let owner: Account;
let upstream: Upstream;

/** One model for each way in which a call can go. */
const MODELS = ["echo", "say", "refuse-400", "refuse-401", "refuse-500", "cut"];

beforeAll(async () => {
  gateway = await startGateway({
    env: { COLINK_LOG_LEVEL: "debug", COLINK_PENALTY_SECONDS: "0" },
  });
  owner = await createAccount(gateway, undefined, PASSWORD);
  const told = `no: ${PROMPT} by ${PROVIDER_KEY} at`;
  upstream = startUpstream({
    echo: echo(),
    say: say(ANSWER),
    "refuse-400": (call) =>
      refuse(400, `bad key ${PROVIDER_KEY} for ${call.headers.get("host")}`)(call),
    "refuse-401": refuse(401, `Incorrect API key provided: ${PROVIDER_KEY}`),
    "refuse-500": (call) => refuse(500, `${told} http://${call.headers.get("host")}`)(call),
    cut: cut(2),
  });
  node = await startNode({
    gateway,
    clientToken: owner.clientToken,
    providers: [{
      type: "openai",
      api_key: PROVIDER_KEY,
      base_url: upstream.url.replace("/v1", `/${PROVIDER_PATH}`),
      models: MODELS.map((name) => ({ local: name, server_mapping: name })),
    }],
    env: { COLINK_CLIENT_LOG_LEVEL: "debug" },
  });
}, 180_000);

const asking = (model: string, more = {}) => ({
  ...hello(model, more),
  messages: [{ role: "user", content: PROMPT }],
});

/** Every way a call can go, once whole and once as a stream; resolves with what callers saw. */
async function callInEveryWay(): Promise<string[]> {
  const seen: string[] = [];
  for (const model of MODELS) {
    for (const isStream of [false, true]) {
      const answer = await chat(gateway, owner.apiToken, asking(model, { stream: isStream }));
      seen.push(answer.text + JSON.stringify([...answer.headers]));
    }
  }
  return seen;
}

describe("at debug level", () => {
  test("neither log contains a key, a prompt, an answer or a password, however calls end", async () => {
    await callInEveryWay();
    await chat(gateway, owner.apiToken, `{"model":"${PROMPT}`);
    await chat(gateway, owner.apiToken, asking("unknown"));
    await chat(gateway, `sk-colink-${PROMPT}`, asking("echo"));
    await ask(`${gateway.url}/v1/models?key=${owner.apiToken}`, { token: owner.apiToken });
    await register(gateway, "second@example.com", PASSWORD);
    const left = new AbortController();
    const { events } = await stream(gateway, owner.apiToken, asking("say"), left.signal);
    await events.next();
    left.abort();
    const raw = await joinNode({ gateway, owner, models: ["raw"] });
    raw.raw.sendText(`${PROMPT} ${PROVIDER_KEY}`);
    raw.raw.sendText(JSON.stringify({ type: "STREAM", data: { request_id: "x", chunk: PROMPT } }));
    await raw.raw.next("ERROR");
    await raw.raw.next("ERROR");
    await raw.raw.close();

    const loggedCalls = () => gateway.log.filter((line) => line.includes(`"msg":"call"`)).length;
    await until("the calls are in the log", () => loggedCalls() >= MODELS.length * 2);
    const secrets = [
      PROMPT,
      ANSWER,
      PASSWORD,
      PROVIDER_KEY,
      PROVIDER_PATH,
      owner.apiToken,
      owner.clientToken,
      owner.jwt,
    ];
    for (const log of [gateway.log, node.log]) {
      expect(log.length).toBeGreaterThan(5);
      const text = log.join("\n");
      for (const secret of secrets) expect(text).not.toContain(secret);
    }
  });
});

describe("a provider's error that names its key or its address", () => {
  test("reaches neither callers nor the public list of nodes", async () => {
    const seen = await callInEveryWay();
    const { hostname, port } = new URL(upstream.url);
    const open = JSON.stringify(await listNodes(gateway, { asVisitor: true }));
    for (const text of [...seen, open]) {
      expect(text).not.toContain(PROVIDER_KEY);
      expect(text).not.toContain(`${hostname}:${port}`);
      expect(text).not.toContain(PROVIDER_PATH);
      expect(text).not.toContain(owner.clientToken);
      expect(text).not.toMatch(/\n\s+at .*\d+:\d+/);
    }
    // A refusal is the answer, though: only what is secret in it is hidden.
    expect(seen.join()).toContain("bad key [hidden] for [hidden]");
  });
});

test("no running process shows a token in its command line", () => {
  const secrets = [owner.clientToken, owner.apiToken, PROVIDER_KEY, PASSWORD];
  const lines = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, "utf8")];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
  expect(lines.some((line) => line.includes(node.configFile))).toBe(true);
  for (const secret of secrets) expect(lines.filter((line) => line.includes(secret))).toEqual([]);
});

describe("a working folder that contains another program's settings", () => {
  const folder = temporaryFolder();
  const mark = join(folder, "mark");

  beforeAll(() => {
    writeFileSync(join(folder, "preload.ts"), `await Bun.write(${JSON.stringify(mark)}, "ran");`);
    const preload = `preload = ["${join(folder, "preload.ts")}"]`;
    writeFileSync(
      join(folder, "bunfig.toml"),
      `${preload}\n[run]\n${preload}\n[test]\n${preload}\n`,
    );
    writeFileSync(
      join(folder, ".env"),
      "COLINK_REGISTRATION=closed\nCOLINK_CLIENT_LOG_LEVEL=silent\nHTTP_PROXY=http://127.0.0.1:9\n",
    );
    writeFileSync(join(folder, "tsconfig.json"), "{ nonsense");
    writeFileSync(join(folder, "package.json"), `{"type":"commonjs","imports":{}}`);
  });

  test("contains settings that Bun itself would read", async () => {
    writeFileSync(join(folder, "program.ts"), "console.log(process.env.COLINK_REGISTRATION);");
    rmSync(join(folder, "tsconfig.json"));
    const { output } = await run([process.execPath, "program.ts"], { cwd: folder });
    expect(output).toBe("closed");
    expect(existsSync(mark)).toBe(true);
    rmSync(mark);
    writeFileSync(join(folder, "tsconfig.json"), "{ nonsense");
  });

  test("does not affect the gateway", async () => {
    const dataDir = join(folder, "data");
    const program = new Program("gateway", [at("bin", "server")], {
      cwd: folder,
      env: gatewayEnvironment(dataDir),
    });
    endAfterTests(() => program.kill());
    const url = await program.line((line) => /"url":"([^"]+)"/.exec(line)?.[1], 60_000);
    expect((await ask<{ registration: string }>(`${url}/api/info`)).json.registration).toBe("open");
    expect(existsSync(mark)).toBe(false);
    await program.kill();
  });

  test("does not affect the node", async () => {
    const program = new Program("node", [at("bin", "client"), "-c", node.configFile], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: tmpdir() },
    });
    endAfterTests(() => program.kill());
    await program.line((line) => line.includes(`"msg":"connected"`) || undefined, 60_000);
    expect(existsSync(mark)).toBe(false);
    await program.kill();
  });
});

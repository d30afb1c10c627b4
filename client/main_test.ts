import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StubGateway } from "./testing/stub_gateway.ts";
import { eventStream, sse, StubUpstream } from "./testing/stub_upstream.ts";

const main = join(import.meta.dir, "main.ts");
const cleanups: (() => unknown)[] = [];
let folder: string;

beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "colink-main-"))));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function start(args: string[], env: Record<string, string> = {}, cwd = folder) {
  const client = Bun.spawn([process.execPath, main, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: folder, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  cleanups.push(() => client.kill("SIGKILL"));
  return client;
}

async function output(args: string[], env: Record<string, string> = {}) {
  const client = start(args, env);
  const [out, err] = await Promise.all([
    new Response(client.stdout).text(),
    new Response(client.stderr).text(),
  ]);
  return { code: await client.exited, out, err };
}

function writeConfig(gateway: string, upstream: string, extra = ""): string {
  const path = join(folder, "config.yaml");
  writeFileSync(
    path,
    `client_token: client-canary-token
server_url: ${gateway}
${extra}
providers:
  - type: openai
    api_key: sk-canary-key
    base_url: ${upstream}
    headers: { x-extra: canary-header }
    models: [{ local: local-1, server_mapping: pro }]
`,
    { mode: 0o600 },
  );
  return path;
}

test("where the locale is Chinese the program speaks Chinese, unless it is told otherwise", async () => {
  const chinese = { LANG: "zh_CN.UTF-8" };
  const broken = join(folder, "broken.yaml");
  writeFileSync(broken, "client_token: sk-colink-a\nserver_url: ws://h\nproviders: none\n");
  const [help, problems, status, english] = await Promise.all([
    output(["--help"], chinese),
    output(["-c", broken], chinese),
    output(["status"], chinese),
    output(["status"], { ...chinese, COLINK_LANGUAGE: "en" }),
  ]);
  expect(help.out).toContain("显示版本并退出");
  expect(problems.err).toContain(
    `${broken}:1:15: client_token 是用于调用模型的 API 密钥；这里应填节点令牌（client-…）`,
  );
  expect(problems.err).toContain(`${broken}:3:12: providers 应为列表，而不是文本`);
  expect(status.err).toContain("没有使用 config.yaml 的节点在运行");
  expect(english.err).toContain("No node runs here");
});

test("--help names every flag, --version only the version", async () => {
  const help = await output(["--help"]);
  expect(help.code).toBe(0);
  expect(help.out).toContain("--config=<PATH>");
  expect(await output(["--version"])).toEqual({ code: 0, out: "dev\n", err: "" });
});

test("--help answers wherever it stands, also where something else is missing or wrong", async () => {
  const asked: [string[], string][] = [
    [["join", "--help"], "USAGE client join"],
    [["join", "-h", "--confg"], "USAGE client join"],
    [["service", "--help"], "service install"],
  ];
  for (const [words, expected] of asked) {
    const { code, out } = await output(words);
    expect({ words, code, isShown: out.includes(expected) })
      .toEqual({ words, code: 0, isShown: true });
  }
});

test("unknown flags and stray words are refused, all at once", async () => {
  const { code, err } = await output(["--confg", "x", "-z"]);
  expect(code).toBe(2);
  expect(err).toBe(
    "unknown flag --confg\nunknown flag -z\nunexpected argument x\n--help shows what can be given\n",
  );
});

test("a word that is no command is refused with the commands, and a configuration with the flag that names it", async () => {
  expect(await output(["statsu"])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^"statsu": no such command; there are .*status/),
  });
  expect(await output(["my.yaml"])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/: client -c my\.yaml\n$/),
  });
});

test("--config without a path is refused", async () => {
  for (const flags of [["-c"], ["--config="], ["--no-config"]]) {
    expect(await output(flags)).toMatchObject({
      code: 2,
      err: "--config needs a PATH\n--help shows what can be given\n",
    });
  }
});

test("a configuration that is not there ends the program with code 2", async () => {
  expect(await output(["-c", "missing.yaml"])).toMatchObject({
    code: 2,
    err:
      "missing.yaml: no such file; name one with --config PATH, or make one with the command join\n",
  });
});

test("a bad configuration ends the program with code 2 and every problem", async () => {
  const path = join(folder, "bad.yaml");
  writeFileSync(path, "client_token: a\nmax_paralel: 1\n");
  const { code, err } = await output([`--config=${path}`]);
  expect(code).toBe(2);
  expect(err.split("\n").slice(0, -1).map((line) => line.slice(path.length + 1))).toEqual([
    "1:1: server_url is missing",
    "1:1: providers is missing",
    "2:1: max_paralel is not known; did you mean max_parallel?",
  ]);
});

test("a gateway that is not there does not end the program", async () => {
  writeConfig("ws://127.0.0.1:9/ws", "http://127.0.0.1:9");
  const client = start([]);
  for await (const line of lines(client.stdout)) {
    if (!line.includes("cannot connect")) continue;
    expect(line).toContain("connection refused; is the gateway running at this port?");
    break;
  }
  expect(client.exitCode).toBeNull();
});

test("config.yaml in the current folder is served; a call is one line; SIGTERM ends it with 0", async () => {
  const gateway = new StubGateway();
  const chunk = {
    choices: [{ index: 0, delta: { role: "assistant", content: "canary-answer" } }],
  };
  const last = {
    choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
    usage: { prompt_tokens: 7, completion_tokens: 5 },
  };
  const upstream = new StubUpstream(() => eventStream([sse(chunk, last, "[DONE]")]));
  cleanups.push(() => gateway.stop(), () => upstream.stop());
  const token = readFileSync(writeConfig(gateway.url, upstream.url), "utf8");
  expect(token).toContain("canary");
  const client = start([], { COLINK_CLIENT_LOG_LEVEL: "debug" });
  const log = new Response(client.stdout).text();
  await gateway.registered();
  const messages = [{ role: "user", content: "canary-prompt" }];
  await gateway.call("pro", { stream: true, messages }).ended;
  await gateway.call("nope", { messages }).ended;
  client.kill("SIGTERM");
  expect(await client.exited).toBe(0);
  const entries = (await log).trim().split("\n").map((line) => JSON.parse(line));
  expect(entries.map(({ msg }) => msg)).toEqual([
    "starting",
    "connected",
    "call served",
    "call failed",
    "draining: takes nothing new; a second signal stops at once",
    "stopped",
  ]);
  expect(entries[1]).toMatchObject({ server: gateway.url, models: ["pro"] });
  expect(entries[2]).toMatchObject({
    request_id: "req-1",
    model: "pro",
    status: 200,
    prompt_tokens: 7,
    completion_tokens: 5,
    duration_ms: expect.any(Number),
  });
  expect(await log).not.toContain("canary");
});

test("the same configuration has the same node id after a restart, and another one has another", async () => {
  const gateway = new StubGateway();
  cleanups.push(() => gateway.stop());
  const path = writeConfig(gateway.url, "http://127.0.0.1:9");
  const other = join(folder, "other.yaml");
  writeFileSync(other, readFileSync(path), { mode: 0o600 });
  for (const [i, config] of [path, path, other].entries()) {
    const client = start(["-c", config]);
    await gateway.registered(i + 1);
    client.kill("SIGTERM");
    await client.exited;
  }
  const ids = gateway.registers.map(({ node_id }) => node_id);
  expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(ids[1]).toBe(ids[0]!);
  expect(ids[2]).not.toBe(ids[0]!);
});

test("more calls at a time than the runtime's 256 connections really run at a time", async () => {
  const gateway = new StubGateway();
  const { promise: all, resolve: noteAll } = Promise.withResolvers<void>();
  const { promise: release, resolve: letGo } = Promise.withResolvers<void>();
  let atOnce = 0;
  const upstream = new StubUpstream(async () => {
    if (++atOnce === 300) noteAll();
    await release;
    return Response.json({ choices: [] });
  });
  cleanups.push(() => gateway.stop(), () => upstream.stop());
  writeConfig(gateway.url, upstream.url, "max_parallel: 300");
  start([]);
  await gateway.registered();
  const calls = Array.from({ length: 300 }, () => gateway.call("pro", { messages: [] }).ended);
  await all;
  letGo();
  expect((await Promise.all(calls)).filter(({ error }) => error !== null)).toEqual([]);
});

async function* lines(stream: ReadableStream<Uint8Array>): AsyncIterable<string> {
  let rest = "";
  for await (const bytes of stream) {
    const parts = (rest + new TextDecoder().decode(bytes)).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

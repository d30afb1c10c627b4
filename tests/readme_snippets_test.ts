/** The programs in the README and in docs/api.md run as they stand there, against a real gateway and node. */

import { beforeAll, expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../scripts/program.ts";
import { at } from "../scripts/root.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { temporaryFolder } from "./harness/cleanup.ts";
import { type Cut, cutAtRandom, cuttingNetworkTo } from "./harness/cutting_network.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { fenceOf, readMarkdown } from "./harness/markdown.ts";
import { startNode } from "./harness/node.ts";
import { findPython } from "./harness/python.ts";
import { Dice } from "../scripts/soak/random.ts";
import { returns } from "./harness/returning_caller.ts";
import { startUpstream } from "./harness/upstream.ts";

const readme = readMarkdown("README.md");
const api = readMarkdown("docs/api.md");
const SAID = "Say hello in five words.";
/** The whole answer, then the streamed one. */
const BOTH = `${SAID}\n${SAID}`;

let gateway: Gateway;
let account: Account;
let folder: string;
const upstream = startUpstream();

beforeAll(async () => {
  gateway = await startGateway();
  account = await createAccount(gateway);
  await startNode({
    gateway,
    clientToken: account.clientToken,
    providers: [{
      type: "openai",
      api_key: "none",
      base_url: upstream.url,
      models: [{ local: "echo", server_mapping: "pro-model" }],
    }],
  });
  folder = temporaryFolder();
  symlinkSync(at("node_modules"), join(folder, "node_modules"));
}, 180_000);

/** Runs a snippet with the key that the README tells to export, and this gateway's address. */
async function runSnippet(
  interpreter: string,
  file: string,
  snippet: string,
  address = "http://127.0.0.1:8080",
): Promise<string> {
  expect(snippet).toContain(address);
  writeFileSync(join(folder, file), snippet.replaceAll("http://127.0.0.1:8080", gateway.url));
  const { code, output } = await run([interpreter, file], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, COLINK_API_KEY: account.apiToken },
  });
  expect({ code, output }).toMatchObject({ code: 0 });
  return output;
}

test("the JavaScript snippet prints the answer whole, then as a stream", async () => {
  const output = await runSnippet(process.execPath, "call.mjs", fenceOf(api, "javascript"));
  expect(output).toBe(BOTH);
});

const { python, missing: noPython } = await findPython("openai");
test.skipIf(noPython !== null)(
  `the Python snippet prints the same${noPython === null ? "" : ` (not run: ${noPython})`}`,
  async () => {
    expect(await runSnippet(python, "call.py", fenceOf(api, "python"))).toBe(BOTH);
    expect(await runSnippet(python, "stream.py", fenceOf(readme, "python"))).toBe(SAID);
  },
);

/** Cuts the first answer in the middle of its third event. */
function cutOnce(): Cut {
  let isCut = false;
  return (bytes) => {
    const at = isCut ? -1 : bytes.indexOf("id: 3\ndata");
    isCut ||= at >= 0;
    return at < 0 ? null : at + 8;
  };
}

const resuming = readMarkdown("docs/resuming.md");
const interpreters = { python: "python3", javascript: process.execPath, sh: "sh" };
for (const [language, program] of Object.entries(interpreters)) {
  const isMissing = Bun.which(program) === null || (language === "sh" && !Bun.which("curl"));
  test.skipIf(isMissing)(
    `the ${language} program of docs/resuming.md has all of an answer whose connection is cut${
      isMissing ? " (not run: it is not installed)" : ""
    }`,
    async () => {
      const { url } = await cuttingNetworkTo(gateway.url, cutOnce());
      const before = upstream.calls.length;
      const snippet = fenceOf(resuming, language).replaceAll("http://127.0.0.1:8080", url);
      const output = await runSnippet(
        program,
        `resume.${language === "sh" ? "sh" : "mjs"}`,
        snippet,
        url,
      );
      const text = language === "sh"
        ? [...output.matchAll(/"content":"([^"]*)"/g)].map(([, piece]) => piece).join("")
        : output;
      expect(text).toBe(SAID);
      expect(upstream.calls).toHaveLength(before + 1);
    },
  );
}

test("callers of every kind whose connections are cut at random have all of their answers, each asked for once", async () => {
  const dice = new Dice(4711);
  const network = await cuttingNetworkTo(gateway.url, cutAtRandom(() => dice.next(), 6_000));
  const content = Array.from({ length: 12 }, (_, i) => `word-${i}-é`).join(" ");
  const before = upstream.calls.length;
  let calls = 0;
  while (network.cuts < 12) {
    for (const comesBack of Object.values(returns)) {
      const key = `returning-${calls++}`;
      const question = { token: account.apiToken, model: "pro-model", content, key };
      expect(await comesBack(question, () => network.url)).toBe(content);
    }
  }
  expect(upstream.calls.length - before).toBe(calls);
});

const noCurl = Bun.which("curl") === null ? "curl is not installed" : null;
test.skipIf(noCurl !== null)(
  `the curl lines print a completion, then an event stream${
    noCurl === null ? "" : ` (not run: ${noCurl})`
  }`,
  async () => {
    const lines = api.fences.find(({ text }) => text.includes("curl -N"))?.text ?? "";
    const output = await runSnippet("sh", "call.sh", lines);
    expect(output).toContain(`"object":"chat.completion"`);
    expect(output).toContain(SAID);
    expect(output).toContain(`"object":"chat.completion.chunk"`);
    expect(output).toContain("data: [DONE]");
  },
);

/** Method and path of each row of the API table. */
const routes = api.rows
  .filter(([method]) => method === "GET" || method === "POST")
  .map(([method = "", path = ""]) => ({ method, path: path.replaceAll("`", "") }));

test("every path of the API table answers to its method", async () => {
  expect(routes.length).toBeGreaterThan(10);
  for (const { method, path } of routes) {
    const response = await fetch(gateway.url + path.replace("{model}", "pro-model"), {
      method,
      headers: { authorization: `Bearer ${account.apiToken}` },
    });
    const text = await response.text();
    // The path answers: it has looked for the response.
    if (text.includes("Cannot find the response {id}")) continue;
    expect(`${method} ${path} ${response.status} ${text}`)
      .not.toMatch(/"code":"(not_found|method_not_supported)"/);
    const isPage = response.headers.get("content-type")?.startsWith("text/html");
    expect(`${path} is a page: ${isPage}`).toBe(`${path} is a page: ${path.startsWith("/docs")}`);
  }
});

test("the tables of docs/api.md and docs/console-api.md name every path that /api documents of itself", async () => {
  const document = await fetch(`${gateway.url}/api/openapi.json`);
  const { paths } = await document.json() as { paths: Record<string, object> };
  const more = readMarkdown("docs/console-api.md").rows.map(([, path = ""]) => path.slice(1, -1));
  const shown = [...routes.map(({ path }) => path), ...more];
  expect(Object.keys(paths).map((path) => `/api${path}`).filter((path) => !shown.includes(path)))
    .toEqual([]);
});

test("the headers that the README names stand on an answer", async () => {
  const { headers } = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${account.apiToken}` },
    body: JSON.stringify({ model: "pro-model", messages: [{ role: "user", content: "hi" }] }),
  });
  for (const name of ["x-request-id", "x-colink-node", "x-ratelimit-remaining-requests"]) {
    expect(readme.inlineCode).toContain(name);
    expect(headers.get(name)).not.toBeNull();
  }
});

test("the metrics that docs/deployment.md names exist", async () => {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const names = readMarkdown("docs/deployment.md").inlineCode
    .filter((code) => code.startsWith("colink_"));
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) expect(text).toContain(`# TYPE ${name} `);
});

test("docs/configuration.md and its translation name every budget that /metrics shows", async () => {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const shown = [...text.matchAll(/^colink_budget_limit\{budget="(\w+)"\}/gm)].map(([, name]) =>
    name
  );
  expect(shown.length).toBeGreaterThan(10);
  for (const page of ["docs/configuration.md", "docs/configuration.zh.md"]) {
    const named = new Set(readMarkdown(page).inlineCode);
    expect(shown.filter((name) => !named.has(name!))).toEqual([]);
  }
});

/** A node in a network as it is: behind a proxy, with an authority of its own, and with a certificate for the link. */

import { beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { stringify } from "yaml";
import { Program } from "../../scripts/program.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { chat, hello } from "../harness/api.ts";
import { type Authority, createAuthority } from "../harness/certificate.ts";
import { blackHoleNetwork } from "../harness/black_hole.ts";
import { endAfterTests, temporaryFolder } from "../harness/cleanup.ts";
import { startCuttingRelay } from "../harness/cutting_relay.ts";
import { startConnectProxy } from "../harness/connect_proxy.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { listNodes, nodeCommand } from "../harness/node.ts";
import { startTlsFront } from "../harness/tls_front.ts";
import { until } from "../harness/wait.ts";

let gateway: Gateway;
let account: Account;
let authority: Authority;
beforeAll(async () => {
  [gateway, authority] = await Promise.all([startGateway(), createAuthority()]);
  account = await createAccount(gateway);
}, 180_000);

/** A provider that answers every chat. */
function startProvider() {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) =>
      url.endsWith("/models") ? Response.json({ data: [] }) : Response.json({
        id: "x",
        object: "chat.completion",
        created: 1,
        model: "m",
        choices: [{
          index: 0,
          finish_reason: "stop",
          message: { role: "assistant", content: "hi" },
        }],
      }),
  });
  endAfterTests(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}`, port: server.port! };
}

function startNode(config: Record<string, unknown>, env: Record<string, string> = {}): Program {
  const folder = temporaryFolder();
  const file = join(folder, "config.yaml");
  writeFileSync(file, stringify({ client_token: account.clientToken, ...config }), { mode: 0o600 });
  const program = new Program("node", [...nodeCommand(), "-c", file], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
  });
  endAfterTests(() => program.kill());
  return program;
}

const says = (program: Program, text: string) =>
  program.line((line) => line.includes(text) ? line : undefined, 60_000);

async function expectServed(model: string): Promise<void> {
  await until(
    "a call is served",
    async () => (await chat(gateway, account.apiToken, hello(model))).status === 200,
  );
}

test("link and providers go through the proxy, each to its own, and what is on this machine does not", async () => {
  const [proxy, other] = [await startConnectProxy(), await startConnectProxy()];
  const name = "gateway.example.test";
  const port = await startTlsFront(gateway, authority, { name });
  const provider = startProvider();
  const front = await startTlsFront(provider, authority, { name: "provider.example.test" });
  const own = await startTlsFront(provider, authority, { name: "127.0.0.1" });
  const ofProvider = (host: string, model: string, more: object = {}) => ({
    type: "openai",
    base_url: `https://${host}:${front}/v1`,
    models: [{ local: model }],
    ...more,
  });
  const node = startNode({
    server_url: `wss://${name}:${port}/ws/`,
    ca_file: authority.certFile,
    providers: [
      ofProvider("provider.example.test", "by-environment"),
      ofProvider("provider.example.test", "by-its-own", { proxy: other.url }),
      { type: "openai", base_url: provider.url, models: [{ local: "here" }] },
      {
        type: "openai",
        base_url: `https://127.0.0.1:${own}/v1`,
        models: [{ local: "here-encrypted" }],
      },
    ],
  }, { HTTPS_PROXY: proxy.url, HTTP_PROXY: "http://127.0.0.1:1" });
  await says(node, '"connected"');
  expect(proxy.passed).toContain(`${name}:${port}`);
  for (const model of ["by-environment", "by-its-own", "here", "here-encrypted"]) {
    await expectServed(model);
  }
  expect(proxy.passed).toContain(`provider.example.test:${front}`);
  expect(new Set(other.passed)).toEqual(new Set([`provider.example.test:${front}`]));
  expect(node.lines.join("\n")).not.toContain("password");

  const refused = startNode({
    server_url: `wss://${name}:${port}/ws`,
    providers: [{ type: "openai", base_url: provider.url, models: [{ local: "m" }] }],
  }, { HTTPS_PROXY: proxy.url.replace("password", "wrong") });
  expect(await says(refused, "cannot connect")).toContain("the proxy wants a name and a password");
});

test("an authority of one's own is trusted where it is named, or where the system trusts it", async () => {
  const port = await startTlsFront(gateway, authority, { name: "127.0.0.1" });
  const config = {
    server_url: `wss://127.0.0.1:${port}`,
    providers: [{ type: "openai", base_url: "http://127.0.0.1:1", models: [{ local: "m" }] }],
  };
  expect(await says(startNode(config), "cannot connect")).toContain("certificate");
  await says(startNode({ ...config, ca_file: authority.certFile }), '"connected"');
  // OpenSSL's name for the system's store.
  await says(startNode(config, { SSL_CERT_FILE: authority.certFile }), '"connected"');
  const plain = startNode({ ...config, server_url: `ws://127.0.0.1:${port}` });
  expect(await says(plain, "cannot connect")).toContain("wss://");
});

test("a gateway's front that asks for a certificate gets the node's", async () => {
  const port = await startTlsFront(gateway, authority, {
    name: "127.0.0.1",
    asksForCertificate: true,
  });
  const config = {
    server_url: `wss://127.0.0.1:${port}/ws`,
    ca_file: authority.certFile,
    providers: [{ type: "openai", base_url: "http://127.0.0.1:1", models: [{ local: "m" }] }],
  };
  await says(startNode(config), "cannot connect");
  const { certFile, keyFile } = await authority.issue("studio-pc");
  await says(
    startNode({ ...config, client_cert_file: certFile, client_key_file: keyFile }),
    '"connected"',
  );
});

test(
  "a link that is cut in the middle of streams, and frozen, costs the official SDK's streams time and nothing else",
  async () => {
    const relay = await startCuttingRelay(Number(new URL(gateway.url).port));
    const pieces = Array.from({ length: 120 }, (_, i) => `${i}:${Bun.hash(String(i))} `);
    let runs = 0;
    const provider = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: ({ url }) => {
        if (url.endsWith("/models")) return Response.json({ data: [] });
        runs++;
        return new Response(
          async function* () {
            for (const content of pieces) {
              yield event({ content });
              await Bun.sleep(10);
            }
            yield event({}, "stop");
            yield new TextEncoder().encode("data: [DONE]\n\n");
          }(),
          { headers: { "content-type": "text/event-stream" } },
        );
      },
    });
    endAfterTests(() => provider.stop(true));
    startNode({
      server_url: relay.url,
      max_parallel: 8,
      providers: [{
        type: "openai",
        base_url: `http://127.0.0.1:${provider.port}/v1`,
        models: [{ local: "cut" }],
      }],
    });
    const client = new OpenAI({ apiKey: account.apiToken, baseURL: `${gateway.url}/v1` });
    const node = async () =>
      (await listNodes(gateway)).find(({ supported_models: [model] }) => model === "cut");
    await until("the node is there", node);
    const streamed = async () => {
      const stream = await client.chat.completions.create({
        model: "cut",
        messages: [{ role: "user", content: "hi" }],
        stream: true,
      });
      let text = "";
      for await (const { choices: [choice] } of stream) text += choice?.delta.content ?? "";
      return text;
    };
    const all = Promise.all(Array.from({ length: 8 }, streamed));
    await until("all streams run", () => runs === 8);
    for (const break_ of [relay.cut, relay.cut, relay.freeze]) {
      await Bun.sleep(150);
      const { dials } = relay;
      break_();
      await until("the node is back", async () => {
        return relay.dials > dials && (await node())?.state !== "reconnecting";
      });
    }
    expect(await all).toEqual(Array(8).fill(pieces.join("")));
    expect(runs).toBe(8);
    expect(await node()).toMatchObject({ penalized: false });
  },
  180_000,
);

function event(delta: object, finish_reason: string | null = null): Uint8Array {
  const chunk = {
    id: "x",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason }],
  };
  return new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`);
}

const blackHole = blackHoleNetwork();
test.skipIf(blackHole === null)(
  "a first address that swallows every packet does not hold a node up, and it knows why others fail",
  async () => {
    const scene = join(import.meta.dir, "..", "harness", "black_hole_scene.ts");
    const program = new Program("scene", [...blackHole!, process.execPath, scene]);
    endAfterTests(() => program.kill());
    const seen = await program.line(
      (line) => line.startsWith("{") ? JSON.parse(line) : undefined,
      180_000,
    );
    // A dial of the first address alone would be given up after 15 s, again and again.
    expect(seen).toMatchObject({ first: 6, holeIs: "silent" });
    expect(seen.faults).toEqual(["ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH"]);
  },
);

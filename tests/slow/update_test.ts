/** `client update`: real programs of two versions, signed by a key of the test's, behind one address with the gateway. */

import { beforeAll, expect, test } from "bun:test";
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createTar } from "nanotar";
import {
  archiveName,
  LATEST_FILE,
  programPath,
  SIGNATURE_FILE,
  SUMS_FILE,
} from "../../release/mod.ts";
import { compile } from "../../scripts/build/executable.ts";
import { hostTarget } from "../../scripts/build/facts.ts";
import { Program } from "../../scripts/program.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { endAfterTests, temporaryFolder } from "../harness/cleanup.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { listNodes } from "../harness/node.ts";
import { startUpstream } from "../harness/upstream.ts";
import { until } from "../harness/wait.ts";

const target = hostTarget();
const archive = archiveName("client", target);
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const key = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url").toString("base64");

/** The programs as they were built, by version. */
const built = new Map<string, string>();
let gateway: Gateway;
let ada: Account;
/** What is offered at /download. */
let files = new Map<string, Uint8Array>();
let newer: Uint8Array;
let address: string;

beforeAll(async () => {
  const folder = temporaryFolder();
  for (const version of ["0.1.0", "0.2.0"]) {
    const output = join(folder, version);
    const facts = { version, target, committedAt: null, releaseKeys: [key] };
    await compile({ entry: "client/main.ts", output, facts, needsAddon: false });
    built.set(version, output);
  }
  newer = readFileSync(built.get("0.2.0")!);
  gateway = await startGateway();
  ada = await createAccount(gateway);
  address = await withDownloads(new URL(gateway.url));
}, 180_000);

/** One address for the gateway and the files; resolves with it. */
async function withDownloads({ port }: URL): Promise<string> {
  const server = createServer((near) => {
    near.on("error", () => {});
    near.once("data", (first) => {
      const file = /^GET \/download\/(\S+) /.exec(first.toString())?.[1];
      if (file !== undefined) {
        const bytes = files.get(file);
        const status = bytes === undefined ? "404 Not Found" : "200 OK";
        near.write(
          `HTTP/1.1 ${status}\r\ncontent-length: ${
            bytes?.length ?? 0
          }\r\nconnection: close\r\n\r\n`,
        );
        near.end(bytes ?? "");
        return;
      }
      const far = connect(Number(port), "127.0.0.1");
      far.on("error", () => near.destroy());
      far.write(first);
      near.pipe(far);
      far.pipe(near);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endAfterTests(() => void server.close());
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

function offer(
  version: string,
  program: Uint8Array,
  signer: KeyObject = privateKey,
): void {
  const packed = packedOf(program);
  const latest = Buffer.from(JSON.stringify({ version, committed_at: null }));
  const sum = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  const sums = Buffer.from(`${sum(packed)}  ${archive}\n${sum(latest)}  ${LATEST_FILE}\n`);
  files = new Map<string, Uint8Array>([
    [archive, packed],
    [LATEST_FILE, latest],
    [SUMS_FILE, sums],
    [SIGNATURE_FILE, sign(null, sums, signer)],
  ]);
}

const packs = new Map<Uint8Array, Uint8Array>();

/** Packed quickly, and once: it is a hundred megabytes. */
function packedOf(program: Uint8Array): Uint8Array {
  const known = packs.get(program);
  const attrs = { mode: "755" };
  const packed = known ??
    gzipSync(createTar([{ name: programPath("client", target), data: program, attrs }]), {
      level: 1,
    });
  packs.set(program, packed);
  return packed.slice();
}

/** A node of version 0.1.0 that is connected. */
async function aNode(name: string) {
  const home = temporaryFolder();
  const program = join(home, "colink-client");
  copyFileSync(built.get("0.1.0")!, program);
  const upstream = startUpstream();
  writeFileSync(
    join(home, "config.yaml"),
    JSON.stringify({
      client_token: ada.clientToken,
      server_url: `ws://${address}/ws`,
      name,
      providers: [{ type: "openai", base_url: upstream.url, models: [{ local: "m" }] }],
    }),
    { mode: 0o600 },
  );
  const start = (args: string[]) => {
    const started = new Program("client", [program, ...args], {
      cwd: home,
      env: { PATH: process.env.PATH ?? "", HOME: home },
    });
    endAfterTests(() => started.kill());
    return started;
  };
  // A program that was taken back is started by the update, and by itself from then on.
  endAfterTests(() => void Bun.spawnSync(["pkill", "-f", program]));
  const node = start([]);
  await until("it is connected", () => agentOf(name));
  const update = async () => {
    const updating = start(["update"]);
    const code = await updating.ended;
    return { code, output: updating.lines.join("\n") };
  };
  return { program, node, update };
}

async function agentOf(name: string): Promise<string | undefined> {
  return (await listNodes(gateway)).find((node) => node.name === name)?.agent ?? undefined;
}

test("a newer program is verified, put in place and started; then there is nothing newer", async () => {
  const { program, update } = await aNode("updated");
  offer("0.2.0", newer);
  const done = await update();
  expect([done.code, done.output]).toEqual([
    0,
    expect.stringContaining("Updated to 0.2.0: the node is connected"),
  ]);
  await until("the new one is listed", async () => await agentOf("updated") === "co-link/0.2.0");
  expect(existsSync(`${program}.old`)).toBe(false);
  expect((await update()).output).toContain("This program is 0.2.0; the gateway offers 0.2.0");
});

test("what was tampered with, signed by another, or cut short changes nothing", async () => {
  const { program, update } = await aNode("tampered");
  const before = readFileSync(program);
  const cases: [said: string, prepare: () => unknown][] = [
    ["its checksum is not the one that was signed", () => files.get(archive)!.set([1], 1000)],
    ["is not a signature", () => offer("0.2.0", newer, generateKeyPairSync("ed25519").privateKey)],
    ["the gateway answered 404", () => files.delete(archive)],
  ];
  for (const [said, prepare] of cases) {
    offer("0.2.0", newer);
    prepare();
    const { code, output } = await update();
    expect([said, code, output]).toEqual([said, 1, expect.stringContaining(said)]);
    expect(readFileSync(program).equals(before)).toBe(true);
  }
  expect(await agentOf("tampered")).toBe("co-link/0.1.0");
});

test("a program that starts but does not run is taken back, and the old one serves again", async () => {
  const { program, update } = await aNode("taken back");
  const before = readFileSync(program);
  const broken = '#!/bin/sh\n[ "$1" = --version ] && echo 0.3.0\n';
  offer("0.3.0", Buffer.from(broken));
  const { code, output } = await update();
  expect([code, output]).toEqual([
    1,
    expect.stringMatching(/did not connect with 0.3.0 .* 0.1.0 is back/),
  ]);
  expect(readFileSync(program).equals(before)).toBe(true);
  await until("the old one serves", async () => await agentOf("taken back") === "co-link/0.1.0");
});

/** Tries a release: its signature, the structure of every program, and each program that can run on this machine. */

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { unzipSync } from "fflate";
import { parseTar } from "nanotar";
import {
  archiveName,
  isWindows,
  LATEST_FILE,
  programNames,
  programPath,
  readLatest,
  SIGNATURE_FILE,
  SignedSums,
  SUMS_FILE,
  type Target,
  targets,
} from "../../release/mod.ts";
import { DEMO_MODEL } from "../demo_upstream.ts";
import { run } from "../program.ts";
import { ensureAccount } from "../quickstart/account.ts";
import { firstAnswer } from "../quickstart/first_answer.ts";
import { Stack } from "../quickstart/stack.ts";
import type { Steps } from "../steps.ts";
import { targetOfBinary } from "./binary.ts";
import { signatureProblem } from "./code_signature.ts";
import { trustedKeys } from "./key.ts";
import { type Runner, runnerFor } from "./runner.ts";
import { compareWithTwin } from "./twin.ts";

const EXIT_BAD_USE = 2;

/** Throws at the first thing that is not as it should be. `folder`: what `bun run release` made. */
export async function checkRelease(folder: string, steps: Steps): Promise<void> {
  const { sums, version } = await steps.run(
    "check the signature",
    () => readSums(folder),
    ({ version }) => `version ${version}`,
  );
  await steps.run(
    "build this machine's programs again in another folder",
    () => compareWithTwin(folder, version),
  );
  const present = targets.filter((target) => sums.has(archiveName("client", target)));
  for (const target of present) {
    const work = mkdtempSync(join(tmpdir(), "release-check-"));
    try {
      await steps.run(`look into ${target}`, () => unpackBoth(folder, target, sums, version, work));
      const runner = await steps.run(
        `find out how to run ${target}`,
        () => runnerFor(target),
        (found) => "note" in found ? found.note : "",
      );
      if ("command" in runner) {
        await steps.run(`run ${target}`, () => runBoth(target, version, runner, work));
      }
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
}

interface Sums {
  has(file: string): boolean;
  check(file: string, bytes: Uint8Array): void;
}

function readSums(folder: string): { sums: Sums; version: string } {
  const read = (file: string) => readFileSync(join(folder, file));
  const list = read(SUMS_FILE);
  const signed = SignedSums.read(list, read(SIGNATURE_FILE), trustedKeys(process.env));
  const latest = read(LATEST_FILE);
  signed.check(LATEST_FILE, latest);
  const has = (file: string) => list.includes(`  ${file}\n`);
  const { version } = readLatest(latest.toString());
  return { sums: { has, check: (file, bytes) => signed.check(file, bytes) }, version };
}

/** Checks both archives of a target and leaves what is in them in `work`. */
function unpackBoth(
  folder: string,
  target: Target,
  sums: Sums,
  version: string,
  work: string,
): string {
  for (const name of programNames) {
    const archive = archiveName(name, target);
    const packed = readFileSync(join(folder, archive));
    sums.check(archive, packed);
    const path = programPath(name, target);
    const files = unpack(archive, packed, isWindows(target));
    const expected = [path, ...["LICENSE", "licenses.txt"].map((file) => beside(path, file))];
    expectSame(`the files of ${archive}`, [...files.keys()].sort(), expected.sort());
    const program = files.get(path)!;
    expectSame(`the machine of ${path}`, targetOfBinary(program), target);
    if (!Buffer.from(program).includes(version)) throw new Error(`${path} is not ${version}`);
    if (target.startsWith("darwin-")) {
      expectSame(`the fault in ${path}'s signature`, signatureProblem(program), null);
    }
    const out = join(work, path);
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, program);
    chmodSync(out, 0o755);
  }
  return target.startsWith("darwin-") ? "structure and page by page signature" : "structure";
}

function beside(path: string, file: string): string {
  return path.replace(/[^/]*$/, file);
}

function unpack(archive: string, packed: Uint8Array, isZip: boolean): Map<string, Uint8Array> {
  if (isZip) return new Map(Object.entries(unzipSync(packed)));
  const files = parseTar(gunzipSync(packed));
  const program = files.find(({ name }) => /\/colink-\w+$/.test(name));
  expectSame(`the mode of ${archive}'s program`, program?.attrs?.mode?.replace(/^0+/, ""), "755");
  return new Map(files.map(({ name, data }) => [name, data ?? new Uint8Array()]));
}

async function runBoth(
  target: Target,
  version: string,
  { command, env }: Runner,
  work: string,
): Promise<string> {
  const [client, server] = (["client", "server"] as const).map((name) =>
    command(join(work, programPath(name, target)))
  ) as [string[], string[]];
  const whole = { ...process.env, ...env };
  for (const program of [client, server]) {
    const shown = await run([...program, "--version"], { env: whole });
    expectSame(`${program.at(-1)} --version`, shown.output, version);
    const licences = await run([...program, "--licenses"], { env: whole });
    if (!licences.output.includes("MIT License")) throw new Error(`${program} shows no licences`);
  }
  const badNode = await run([...client, "-c", "/nowhere.yaml"], { env: whole });
  expectSame(`the end of a node without configuration`, badNode.code, EXIT_BAD_USE);
  const badGateway = await run(server, { env: { ...whole, PORT: "none" } });
  expectSame(`the end of a gateway with a bad PORT`, badGateway.code, EXIT_BAD_USE);
  const answer = await serveOnce(server, client, env, work);
  return `--version, --licenses, bad settings, and a served call: ${JSON.stringify(answer)}`;
}

/** Gateway and node of the target, an account, and one streamed answer. */
async function serveOnce(
  gateway: string[],
  node: string[],
  env: Runner["env"],
  work: string,
): Promise<string> {
  const through = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const stack = new Stack(work, {
    gateway: ["/usr/bin/env", ...through, ...gateway],
    node: ["/usr/bin/env", ...through, ...node],
  });
  try {
    const baseUrl = stack.startDemo();
    const url = await stack.startGateway(0);
    const { user } = await ensureAccount(url, work);
    const provider = { type: "openai" as const, api_key: "none", base_url: baseUrl };
    await stack.startNode(url, user.client_token, { origin: "", model: DEMO_MODEL, provider });
    const signal = new AbortController().signal;
    return await firstAnswer({ url, apiToken: user.api_token, model: DEMO_MODEL, signal });
  } finally {
    await stack.stop();
  }
}

function expectSame(what: string, found: unknown, expected: unknown): void {
  if (JSON.stringify(found) === JSON.stringify(expected)) return;
  throw new Error(
    `Cannot pass the release: ${what} should be ${JSON.stringify(expected)}, ` +
      `but is ${JSON.stringify(found)}`,
  );
}

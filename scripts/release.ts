/**
 * Both programs for every kind of machine: `bun run release [TARGET…]`, and `bun run release --check`
 * to try what was made. Output: bin/downloads/, which a gateway started from bin/ offers to nodes.
 */

import { createHash, sign } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  archiveName,
  type BuildFacts,
  isWindows,
  type Latest,
  LATEST_FILE,
  type ProgramName,
  programNames,
  programPath,
  SBOM_FILE,
  SIGNATURE_FILE,
  SSH_SIGNATURE_FILE,
  SUMS_FILE,
  type Target,
  targets,
} from "../release/mod.ts";
import { build, executables } from "./build.ts";
import { compileApart } from "./build/executable.ts";
import { collectFacts } from "./build/facts.ts";
import { licencesOf, type Package } from "./build/licences.ts";
import { installForAllMachines, installMissing } from "./install.ts";
import { packTarGz, packZip } from "./release/archive.ts";
import { signAdHoc, signatureProblem } from "./release/code_signature.ts";
import { type ReleaseKey, signingKey } from "./release/key.ts";
import { type Contents, sbom } from "./release/sbom.ts";
import { sshSignature } from "./release/ssh_signature.ts";
import { at } from "./root.ts";
import { Steps } from "./steps.ts";

const OUTPUT = "bin/downloads";

async function release(chosen: readonly Target[], steps: Steps): Promise<void> {
  const key = await steps.run("find the release key", () => signingKey(process.env), describeKey);
  await steps.run("install for all kinds of machine", installForAllMachines);
  await build(["web"], steps);
  rmSync(at(OUTPUT), { recursive: true, force: true });
  mkdirSync(at(OUTPUT), { recursive: true });
  // Once: the tree may be edited meanwhile, and a release is of one version.
  const facts = await collectFacts();
  const contents = { client: [] as Package[], server: [] as Package[] };
  for (const target of chosen) {
    for (const name of programNames) {
      await steps.run(`build ${archiveName(name, target)}`, async () => {
        const { packages, note } = await buildArchive(name, target, {
          ...facts,
          target,
        });
        contents[name].push(...packages);
        return note;
      });
    }
  }
  await steps.run("describe, sum and sign", async () => await seal(key, facts, contents));
  if (key.isDevelopment) steps.say(DEVELOPMENT_KEY);
}

const DEVELOPMENT_KEY = `
These files are signed with a DEVELOPMENT key of this machine, because COLINK_RELEASE_KEY names none.
Programs of this release accept no other. Before you give them to others, make a key that you keep
(openssl genpkey -algorithm ed25519 -out FILE), and release with COLINK_RELEASE_KEY=FILE.`;

function describeKey({ path, publicKey, isDevelopment, isNew }: ReleaseKey): string {
  const kind = isDevelopment ? `development key, ${isNew ? "made now" : "made before"}, ` : "";
  return `${kind}${path}, public ${publicKey}`;
}

/** Resolves with the packages in the program, and what is to be said of it. */
async function buildArchive(name: ProgramName, target: Target, facts: BuildFacts) {
  const folder = mkdtempSync(at("bin", ".release-"));
  try {
    const output = join(folder, `colink-${name}`);
    const packages = await compileApart({ ...executables[name], facts, output });
    const built = readFileSync(isWindows(target) ? `${output}.exe` : output);
    const { program, note } = withValidSignature(built, name, target);
    const path = programPath(name, target);
    const beside = (file: string) => path.replace(/[^/]*$/, file);
    const files = [
      { name: path, data: program, isExecutable: true },
      { name: beside("LICENSE"), data: readFileSync(at("LICENSE")) },
      { name: beside("licenses.txt"), data: Buffer.from(await licencesOf(packages)) },
    ];
    const packed = await (isWindows(target) ? packZip(files) : packTarGz(files));
    writeFileSync(at(OUTPUT, archiveName(name, target)), packed);
    return { packages, note: `${(packed.length / 2 ** 20).toFixed(0)} MiB${note}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** macOS ends a program on Apple's processors whose signature is not valid. */
function withValidSignature(program: Uint8Array, name: ProgramName, target: Target) {
  if (!target.startsWith("darwin-")) return { program, note: "" };
  const problem = signatureProblem(program);
  if (problem === null) return { program, note: ", signature valid" };
  const signed = signAdHoc(program, `colink-${name}`);
  return { program: signed, note: `, signed again: of the runtime's signature ${problem}` };
}

async function seal(key: ReleaseKey, facts: BuildFacts, contents: Contents): Promise<string> {
  const { version, committedAt } = facts;
  const latest: Latest = { version, committed_at: committedAt };
  write(LATEST_FILE, JSON.stringify(latest, null, 2) + "\n");
  write(SBOM_FILE, await sbom(facts, contents));
  const files = readdirSync(at(OUTPUT)).sort();
  const lines = files.map((file) => `${sha256(readFileSync(at(OUTPUT, file)))}  ${file}\n`);
  const sums = Buffer.from(lines.join(""));
  write(SUMS_FILE, sums);
  write(SIGNATURE_FILE, sign(null, sums, key.privateKey));
  write(SSH_SIGNATURE_FILE, sshSignature(sums, key.privateKey));
  return `${files.length} files, version ${version}`;
}

function write(file: string, content: string | Uint8Array): void {
  writeFileSync(at(OUTPUT, file), content);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function check(steps: Steps): Promise<void> {
  await steps.run("install what is missing", installMissing);
  // Only now: it imports what may just have been installed.
  const { checkRelease } = await import("./release/check.ts");
  await checkRelease(at(OUTPUT), steps);
}

function chosenTargets(words: readonly string[]): readonly Target[] {
  const wrong = words.find((word) => !targets.some((target) => target === word));
  if (wrong !== undefined) {
    throw new Error(`Cannot release for "${wrong}": choose among ${targets.join(", ")}`);
  }
  return words.length === 0 ? targets : words as Target[];
}

try {
  const words = process.argv.slice(2);
  const steps = new Steps();
  const isCheck = words.includes("--check");
  const chosen = chosenTargets(words.filter((word) => word !== "--check"));
  if (isCheck) await check(steps);
  else await release(chosen, steps);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

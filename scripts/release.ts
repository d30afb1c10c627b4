/**
 * Builds both executables for every platform that they were tried on: `bun scripts/release.ts`.
 * Output: bin/release/, with SHA256SUMS.
 */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { sign } from "node:crypto";
import { basename } from "node:path";
import { build, executables } from "./build.ts";
import { compileApart } from "./build/executable.ts";
import { collectFacts } from "./build/facts.ts";
import { installForAllMachines } from "./install.ts";
import { signingKey } from "./release/key.ts";
import { at } from "./root.ts";
import { Steps } from "./steps.ts";

const OUTPUT = "bin/release";

/**
 * Other targets of Bun compile too, but nobody has seen them start: a macOS x64 build carries an
 * invalid signature, and a musl one needs libstdc++ beside it.
 */
const targets = ["linux-x64", "linux-arm64"] as const;

async function release(steps: Steps): Promise<void> {
  await steps.run("install dependencies for all platforms", installForAllMachines);
  await build(["web"], steps);
  rmSync(at(OUTPUT), { recursive: true, force: true });
  mkdirSync(at(OUTPUT), { recursive: true });
  const files: string[] = [];
  for (const target of targets) {
    for (const [name, executable] of Object.entries(executables)) {
      const output = `${OUTPUT}/co-link-${name}-${target}`;
      await steps.run(
        `build ${output}`,
        async () => compileApart({ ...executable, facts: await collectFacts(target), output }),
      );
      files.push(output);
    }
  }
  await steps.run("write checksums", () => writeChecksums(files));
}

async function writeChecksums(files: readonly string[]): Promise<void> {
  const lines = await Promise.all(files.map(async (file) => {
    const bytes = await Bun.file(at(file)).arrayBuffer();
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    return `${hash}  ${basename(file)}\n`;
  }));
  const sums = Buffer.from(lines.join(""));
  writeFileSync(at(OUTPUT, "SHA256SUMS"), sums);
  writeFileSync(at(OUTPUT, "SHA256SUMS.sig"), sign(null, sums, signingKey(process.env).privateKey));
}

if (import.meta.main) {
  try {
    await release(new Steps());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

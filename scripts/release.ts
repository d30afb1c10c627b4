/**
 * Builds both executables for every platform that they were tried on: `bun scripts/release.ts`.
 * Output: bin/release/, with SHA256SUMS.
 */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { build, executables } from "./build.ts";
import { compileApart } from "./build/executable.ts";
import { buildVersion } from "./build/version.ts";
import { run } from "./program.ts";
import { at, root } from "./root.ts";
import { Steps } from "./steps.ts";

const OUTPUT = "bin/release";

/**
 * Other targets of Bun compile too, but nobody has seen them start: a macOS x64 build carries an
 * invalid signature, and a musl one needs libstdc++ beside it.
 */
const targets = ["bun-linux-x64", "bun-linux-arm64"] as const;

async function release(steps: Steps): Promise<void> {
  await steps.run("install dependencies for all platforms", installForAllPlatforms);
  await build(["web"], steps);
  const version = await buildVersion();
  rmSync(at(OUTPUT), { recursive: true, force: true });
  mkdirSync(at(OUTPUT), { recursive: true });
  const files: string[] = [];
  for (const target of targets) {
    for (const [name, executable] of Object.entries(executables)) {
      const output = `${OUTPUT}/co-link-${name}-${target.replace("bun-", "")}`;
      await steps.run(
        `build ${output}`,
        () => compileApart({ ...executable, version, output, target }),
      );
      files.push(output);
    }
  }
  await steps.run("write checksums", () => writeChecksums(files));
}

/** Native addons are optional dependencies, of which an ordinary install takes this platform's only. */
async function installForAllPlatforms(): Promise<void> {
  const command = [process.execPath, "install", "--frozen-lockfile", "--os=*", "--cpu=*"];
  const { code, output } = await run(command, { cwd: root });
  if (code !== 0) throw new Error(`Cannot install dependencies for all platforms: ${output}`);
}

async function writeChecksums(files: readonly string[]): Promise<void> {
  const lines = await Promise.all(files.map(async (file) => {
    const bytes = await Bun.file(at(file)).arrayBuffer();
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    return `${hash}  ${basename(file)}\n`;
  }));
  writeFileSync(at(OUTPUT, "SHA256SUMS"), lines.join(""));
}

if (import.meta.main) {
  try {
    await release(new Steps());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

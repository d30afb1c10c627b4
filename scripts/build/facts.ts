/** What executables are stamped with: version, commit and its time, the machine they are for, the trusted keys. */

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type BuildFacts, type Target, targets } from "../../release/mod.ts";
import { run } from "../program.ts";
import { trustedKeys } from "../release/key.ts";
import { at, root } from "../root.ts";

/**
 * The facts of a build of this tree, for this machine unless `target` says otherwise. The version is
 * `0.1.0+1a2b3c4`, with `-dirty` behind it where the tree differs from its commit; without git it is
 * `0.1.0`, or what COLINK_BUILD_COMMIT adds to it (a container's build has no repository).
 */
export async function collectFacts(target: Target = hostTarget()): Promise<BuildFacts> {
  const { version } = JSON.parse(await readFile(at("package.json"), "utf8"));
  const commit = process.env.COLINK_BUILD_COMMIT?.trim() || await commitOfTree();
  return {
    version: commit === null ? version : `${version}+${commit}`,
    target,
    committedAt: await git("log", "-1", "--format=%cI"),
    releaseKeys: trustedKeys(process.env),
  };
}

/** The constants that `release/build_facts.ts` reads. */
export function defines(facts: BuildFacts): Record<string, string> {
  return {
    BUILD_VERSION: JSON.stringify(facts.version),
    BUILD_TARGET: JSON.stringify(facts.target),
    BUILD_COMMITTED_AT: JSON.stringify(facts.committedAt ?? ""),
    BUILD_RELEASE_KEYS: JSON.stringify(facts.releaseKeys),
  };
}

/** Throws where releases have no programs for this machine. */
export function hostTarget(): Target {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const name = `${system}-${process.arch}${usesMusl() ? "-musl" : ""}`;
  const target = targets.find((one) => one === name);
  if (target === undefined) throw new Error(`Cannot build for ${name}: Bun has no runtime for it`);
  return target;
}

/** Bun itself names the loader that starts it. */
function usesMusl(): boolean {
  if (process.platform !== "linux") return false;
  return readFileSync(process.execPath).subarray(0, 8192).includes("/ld-musl-");
}

async function commitOfTree(): Promise<string | null> {
  const commit = await git("rev-parse", "--short=7", "HEAD");
  if (commit === null) return null;
  const changes = await git("status", "--porcelain");
  return changes === "" ? commit : `${commit}-dirty`;
}

/** What git answers about this tree; null: there is no git, or this is no repository. */
async function git(...words: string[]): Promise<string | null> {
  if (Bun.which("git") === null) return null;
  const { code, output } = await run(["git", ...words], { cwd: root });
  return code === 0 ? output.trim() : null;
}

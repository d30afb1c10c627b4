/** The version that executables are stamped with: `0.1.0+1a2b3c4`, or `0.1.0` outside a git checkout. */

import { readFile } from "node:fs/promises";
import { run } from "../program.ts";
import { at, root } from "../root.ts";

export async function buildVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(at("package.json"), "utf8"));
  const commit = await shortCommit();
  return commit === null ? version : `${version}+${commit}`;
}

async function shortCommit(): Promise<string | null> {
  if (Bun.which("git") === null) return null;
  const { code, output } = await run(["git", "rev-parse", "--short", "HEAD"], { cwd: root });
  return code === 0 ? output.trim() : null;
}

/** Installs exactly what the lockfile names. Imports no dependency, so it runs in a fresh clone. */

import { readFileSync } from "node:fs";
import { run } from "./program.ts";
import { at, root } from "./root.ts";
import type { Steps } from "./steps.ts";

/**
 * Everything, with the tools for development. Throws with the installer's own words when it fails:
 * no network, or package.json and bun.lockb disagree.
 */
export async function installDependencies(): Promise<void> {
  await install([]);
}

/**
 * What the programs are made from, and only where some of it is missing: what else is installed
 * stays. Resolves with a word for its step. Throws as installDependencies does.
 */
export async function installMissing(): Promise<string> {
  if (missing("dependencies") === 0) return "nothing";
  await install(["--production"]);
  return "without the tools for development";
}

/** Everything, and only where some of it is missing. Throws as installDependencies does. */
export async function installTools(steps: Steps): Promise<void> {
  if (missing("dependencies") + missing("devDependencies") === 0) return;
  await steps.run("install the tools for development", installDependencies);
}

/** For programs for other kinds of machine: native addons are optional, and an ordinary install takes this machine's. */
export async function installForAllMachines(): Promise<void> {
  await install(["--production", "--os=*", "--cpu=*", "--libc=*"]);
}

/** How many packages that package.json depends on are not installed in its version. */
function missing(kind: "dependencies" | "devDependencies"): number {
  return Object.entries(readJson(at("package.json"))[kind] ?? {}).filter(([name, version]) =>
    // `npm:NAME@VERSION` is another package under this name.
    installedVersion(name) !== version.slice(version.lastIndexOf("@") + 1)
  ).length;
}

function installedVersion(name: string): string | null {
  try {
    return readJson(at("node_modules", name, "package.json")).version ?? null;
  } catch {
    return null;
  }
}

interface PackageJson {
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

function readJson(path: string): PackageJson {
  return JSON.parse(readFileSync(path, "utf8"));
}

async function install(flags: readonly string[]): Promise<void> {
  const words = ["install", "--frozen-lockfile", ...flags];
  const { code, output } = await run([process.execPath, ...words], { cwd: root });
  if (code === 0) return;
  throw new Error(
    `Cannot install dependencies: \`bun ${words.join(" ")}\` ended with ${code}. ` +
      `Check that the npm registry can be reached, then run this again.\n${output}`,
  );
}

if (import.meta.main) await installDependencies();

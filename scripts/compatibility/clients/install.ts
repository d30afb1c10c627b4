/** Installs client programs from npm and PyPI into a cache folder, one folder for each version. */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../program.ts";

/** Where a program comes from. */
export interface Source {
  registry: "npm" | "pypi";
  package: string;
  version: string;
  /** The folder of its executable below the installation; absent: the registry's usual one. */
  bin?: string;
  /** Requirements that are replaced: heavy ones that the tested features do not use. */
  overrides?: readonly string[];
}

/** The Node.js that runs npm's programs, whichever the machine has. */
const node: Source = {
  registry: "npm",
  package: `node-${process.platform}-${process.arch}`,
  version: "24.22.3",
};

/** Marks a finished installation. */
const FINISHED = ".finished";

/** Installs the source unless the cache has it. Resolves with the folders of its executables. */
export async function install(source: Source, cache: string): Promise<string[]> {
  if (source.registry === "pypi") return [await installed(source, cache, "bin")];
  const runtime = await installed(node, cache, `node_modules/${node.package}/bin`);
  return [await installed(source, cache, source.bin ?? "node_modules/.bin"), runtime];
}

async function installed(source: Source, cache: string, bin: string): Promise<string> {
  const name = `${source.package.replaceAll("/", "+")}@${source.version}`;
  const folder = join(cache, name);
  const finished = join(folder, FINISHED);
  if (!existsSync(finished)) {
    mkdirSync(folder, { recursive: true });
    for (const command of installers[source.registry](source, folder)) await must(command, folder);
    writeFileSync(finished, "");
  }
  return join(folder, bin);
}

/** Post-install scripts do not run: they fetch executables that the packages of a platform contain. */
const installers = Object.freeze({
  npm: ({ package: name, version }: Source, folder: string) => {
    writeFileSync(join(folder, "package.json"), `{"private":true}`);
    return [[process.execPath, "add", "--exact", "--ignore-scripts", `${name}@${version}`]];
  },
  pypi: ({ package: name, version, overrides = [] }: Source, folder: string) => {
    const python = join(folder, "bin", "python");
    const pip = [python, "-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check"];
    const list = join(folder, "overrides.txt");
    writeFileSync(list, overrides.join("\n"));
    const uv = [join(folder, "bin", "uv"), "pip", "install", "-q", "--python", python];
    return [
      ["python3", "-m", "venv", folder],
      ...(overrides.length === 0
        ? [[...pip, `${name}==${version}`]]
        : [[...pip, "uv==0.13.9"], [...uv, "--override", list, `${name}==${version}`]]),
    ];
  },
});

async function must(command: string[], cwd: string): Promise<void> {
  const { code, output } = await run(command, { cwd });
  if (code === 0) return;
  const reason = output.split("\n").findLast((line) => /error/i.test(line)) ?? output.slice(-200);
  throw new Error(`cannot be installed: ${reason.trim()}`);
}

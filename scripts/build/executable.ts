/** Compiles an entry file into one self-contained executable that needs nothing beside it. */

import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type BuildFacts, isWindows, type Target } from "../../release/mod.ts";
import { run } from "../program.ts";
import { root } from "../root.ts";
import { bindAddon, expectAddon } from "./addon.ts";
import { defines } from "./facts.ts";
import { licencesOf, type Package, shippedPackages } from "./licences.ts";

export interface Executable {
  /** From the repository's root, as the output is unless it is absolute. */
  entry: string;
  /** Entry files of threads that it starts, from the repository's root. */
  threads?: string[];
  /** Without the `.exe` that Windows needs. */
  output: string;
  facts: BuildFacts;
  /** Folders and files that lie inside the executable, beside its code. */
  assets?: string[];
  /** A file with the paths of further sources that are part of it: those of the console. */
  inputsFile?: string;
  /** Whether it uses the native addon, which must then be there for its target. */
  needsAddon: boolean;
}

/**
 * Writes the executable, replacing an older one in one step, also while that one runs; the same
 * sources make the same bytes, in whatever folder they lie. Beside the code lies `licenses.txt`, the
 * notices of all packages in it. Throws when the code does not bundle, when the native addon for the
 * target is not installed, or when a package has no licence. Resolves with the packages in it.
 */
export async function compile(executable: Executable): Promise<Package[]> {
  const { output, facts } = executable;
  const target = targetOf(facts);
  if (executable.needsAddon) expectAddon(target);
  const path = resolve(root, isWindows(target) ? `${output}.exe` : output);
  mkdirSync(dirname(path), { recursive: true });
  // In a folder of its own: Bun leaves the source maps, which are inside the executable, beside it too.
  const folder = mkdtempSync(join(dirname(path), ".build-"));
  try {
    const licences = join(folder, "licenses.txt");
    const packages = shippedPackages(await inputsOf(executable));
    await Bun.write(licences, await licencesOf(packages));
    const fresh = join(folder, basename(path));
    await bundle(executable, {
      target: `bun-${target}`,
      outfile: fresh,
      assets: [...executable.assets ?? [], licences],
      // A folder that somebody happens to stand in must not change what the program does.
      autoloadDotenv: false,
      autoloadBunfig: false,
      // Authorities that the machine's owner trusts are trusted, besides those that Bun brings along.
      execArgv: ["--use-system-ca"],
    });
    renameSync(fresh, path);
    return packages;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The source files that become part of the executable. Throws where it would name their folder. */
async function inputsOf(executable: Executable): Promise<string[]> {
  const { metafile, outputs } = await bundle(executable);
  await expectNoPath(outputs, executable.output);
  const more = executable.inputsFile === undefined
    ? []
    : JSON.parse(await readFile(executable.inputsFile, "utf8")) as string[];
  return [...Object.keys(metafile?.inputs ?? {}), ...more];
}

async function bundle(
  { entry, threads = [], output, facts }: Executable,
  compile?: Bun.CompileBuildOptions,
): Promise<Bun.BuildOutput> {
  const result = await Bun.build({
    entrypoints: [entry, ...threads].map((file) => join(root, file)),
    root,
    target: "bun",
    minify: true,
    format: "esm",
    // What is imported when it is needed lies apart, where it costs nothing until then.
    splitting: true,
    plugins: [bindAddon(targetOf(facts)), withoutFolders],
    define: defines(facts),
    metafile: true,
    throw: false,
    ...(compile && { compile, bytecode: true, sourcemap: "linked" as const }),
  });
  if (result.success) return result;
  throw new Error(`Cannot build ${output}: ${result.logs.map(String).join("\n")}`);
}

function targetOf({ target }: BuildFacts): Target {
  if (target === null) throw new Error("Cannot build: no target is named");
  return target;
}

/** The bundler writes this machine's folders in the place of `__dirname`. */
const withoutFolders: Bun.BunPlugin = {
  name: "without this machine's folders",
  setup(build) {
    build.onLoad({ filter: /node_modules[\\/].*\.c?js$/ }, async ({ path }) => {
      const code = await readFile(path, "utf8");
      if (!/\b__(dir|file)name\b/.test(code)) return undefined;
      return { contents: code.replace(/\b__(dir|file)name\b/g, '"/"'), loader: "js" };
    });
  },
};

/** Throws where the bundle names the folder that it was built in. */
async function expectNoPath(outputs: readonly Bun.BuildArtifact[], name: string): Promise<void> {
  const texts = await Promise.all(outputs.map((output) => output.text()));
  if (!texts.some((text) => text.includes(join(root, "node_modules")))) return;
  throw new Error(`Cannot build ${name}: it names this machine's folders`);
}

/**
 * The same, in a process of its own: the bundler does not see packages that were installed after
 * its process began.
 */
export async function compileApart(executable: Executable): Promise<Package[]> {
  const command = [process.execPath, import.meta.path, JSON.stringify(executable)];
  const { code, output } = await run(command, { cwd: root });
  if (code !== 0) throw new Error(output);
  // Before it there may be lines about a runtime that was fetched.
  return JSON.parse(output.split("\n").findLast((line) => line.startsWith("[")) ?? "[]");
}

if (import.meta.main) {
  try {
    console.log(JSON.stringify(await compile(JSON.parse(process.argv[2] ?? ""))));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

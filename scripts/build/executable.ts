/** Compiles an entry file into one self-contained executable that needs nothing beside it. */

import { existsSync, renameSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { run } from "../program.ts";
import { root } from "../root.ts";

export interface Executable {
  /** From the repository's root, as the output is. */
  entry: string;
  output: string;
  version: string;
  /** Folders whose files lie inside the executable, beside its code. */
  assets?: string[];
  /** Whether it cannot run without a native addon for its target. */
  needsAddon: boolean;
  /** Such as `bun-linux-arm64`; default: this machine. */
  target?: Bun.Build.CompileTarget;
}

/**
 * Writes the executable, replacing an older one in one step, also while that one runs.
 * Throws when the code does not bundle, or when the native addon for the target is not installed:
 * such an executable would be built without complaint and die at its start.
 */
export async function compile(executable: Executable): Promise<void> {
  const { entry, output, target, version } = executable;
  const fresh = `${output}.new`;
  const compile: Bun.CompileBuildOptions = {
    ...(target !== undefined && { target }),
    outfile: join(root, fresh),
    assets: executable.assets ?? [],
    // A folder that somebody happens to stand in must not change what the program does.
    autoloadDotenv: false,
    autoloadBunfig: false,
  };
  const result = await Bun.build({
    entrypoints: [join(root, entry)],
    root,
    minify: true,
    bytecode: true,
    format: "esm",
    // What is imported when it is needed lies apart, where it costs nothing until then.
    splitting: true,
    plugins: [strictAddonLoader],
    sourcemap: "linked",
    define: { BUILD_VERSION: JSON.stringify(version) },
    metafile: true,
    throw: false,
    compile,
  });
  const written = [fresh, `${fresh}.exe`].find((path) => existsSync(join(root, path)));
  try {
    if (!result.success || written === undefined) {
      throw new Error(`Cannot build ${output}: ${result.logs.map(String).join("\n")}`);
    }
    const inputs = Object.keys(result.metafile?.inputs ?? {});
    if (executable.needsAddon && !inputs.some((path) => path.endsWith(".node"))) {
      throw new Error(missingAddon(output, target));
    }
    renameSync(join(root, written), join(root, finalName(output, written)));
  } finally {
    removeLeftovers(fresh);
  }
}

/**
 * The loader of a native addon, as its generator writes it, replaces the `require` that it has by
 * its equal. In a module of its own that is a constant, and the program would end there.
 */
const strictAddonLoader: Bun.BunPlugin = {
  name: "strict addon loader",
  setup(build) {
    build.onLoad({ filter: /@node-rs[\\/]bcrypt[\\/]binding\.js$/ }, async ({ path }) => {
      const code = await Bun.file(path).text();
      return { contents: code.replace("require = createRequire(__filename)", ""), loader: "js" };
    });
  },
};

/**
 * The same, in a process of its own: the bundler does not see packages that were installed after
 * its process began.
 */
export async function compileApart(executable: Executable): Promise<void> {
  const command = [process.execPath, import.meta.path, JSON.stringify(executable)];
  const { code, output } = await run(command, { cwd: root });
  if (code !== 0) throw new Error(output);
}

function missingAddon(output: string, target: string | undefined): string {
  return `Cannot build ${output}: the native addon of @node-rs/bcrypt for ` +
    `${target ?? `${process.platform}-${process.arch}`} is not installed, and without it the ` +
    `program would die at its start. Install it with: ` +
    `bun install --frozen-lockfile --os='*' --cpu='*'`;
}

function finalName(output: string, written: string): string {
  return written.endsWith(".exe") ? `${output}.exe` : output;
}

/** The source map is inside the executable; the copy that Bun leaves beside it would only be shipped by mistake. */
function removeLeftovers(fresh: string): void {
  const folder = dirname(join(root, fresh));
  const name = relative(folder, join(root, fresh));
  for (const path of new Bun.Glob(`${name}*`).scanSync({ cwd: folder })) {
    rmSync(join(folder, path), { force: true });
  }
}

if (import.meta.main) {
  try {
    await compile(JSON.parse(process.argv[2] ?? ""));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

/** How a program for another kind of machine is run on this one: an emulator, or another C library's loader. */

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "../../release/mod.ts";
import { hostTarget } from "../build/facts.ts";
import { run } from "../program.ts";
import { at } from "../root.ts";
import { provide, type Requirement } from "../testing/requirement.ts";

export interface Runner {
  /** The words that run the program. */
  command(program: string): string[];
  /** Added to its environment. */
  env: Readonly<Record<string, string>>;
  note: string;
}

/** Why it is not run, for the report. */
export interface NotRun {
  note: string;
}

const emulator: Requirement = {
  name: "QEMU's user emulator for arm64",
  find: () => Bun.which("qemu-aarch64-static") ?? Bun.which("qemu-aarch64"),
  debian: "qemu-user-static",
  brew: "qemu",
};

const ARM64_ROOT = "/usr/aarch64-linux-gnu";
const arm64Library: Requirement = {
  name: "glibc for arm64",
  find: () => existsSync(join(ARM64_ROOT, "lib", "ld-linux-aarch64.so.1")) ? ARM64_ROOT : null,
  debian: "libc6-arm64-cross",
  brew: "qemu",
};

export async function runnerFor(target: Target): Promise<Runner | NotRun> {
  try {
    return await runners[target]?.() ?? {
      note: "NOT RUN: it needs a machine of its own; only its structure was checked",
    };
  } catch (error) {
    return { note: `NOT RUN: ${error instanceof Error ? error.message : error}` };
  }
}

const runners: Partial<Record<Target, () => Promise<Runner>>> = {
  async "linux-arm64"() {
    await provide([emulator, arm64Library]);
    const words = [emulator.find()!, "-L", ARM64_ROOT];
    return { command: (program) => [...words, program], env: {}, note: "under qemu-user" };
  },
  async "linux-x64-musl"() {
    const root = await fetchMusl("x86_64", "amd64");
    const loader = join(root, "lib", "ld-musl-x86_64.so.1");
    return {
      command: (program) => [loader, program],
      env: { LD_LIBRARY_PATH: join(root, "lib") },
      note: "under musl's own loader",
    };
  },
  async "linux-arm64-musl"() {
    await provide([emulator]);
    const root = await fetchMusl("aarch64", "arm64");
    const words = [emulator.find()!, "-L", root, "-E", `LD_LIBRARY_PATH=${join(root, "lib")}`];
    return { command: (program) => [...words, program], env: {}, note: "under qemu-user, on musl" };
  },
  [hostTarget()](): Promise<Runner> {
    return Promise.resolve<Runner>({
      command: (program) => [program],
      env: {},
      note: "on this machine",
    });
  },
};

/**
 * Debian's musl of the release that has 1.2.4 or later: Bun's programs are linked with relative
 * relocations, which earlier ones do not know. libstdc++ for musl comes from a wheel of PyPI.
 */
const DEBIAN = "deb http://deb.debian.org/debian trixie main";
const WHEEL = "numpy==2.5.5";

/** A folder with musl and libstdc++ for the processor, kept between runs. Throws where they are not available. */
async function fetchMusl(processor: string, debian: string): Promise<string> {
  const root = at("node_modules", ".cache", `co-link-musl-${processor}`);
  const loader = join(root, "lib", `ld-musl-${processor}.so.1`);
  if (existsSync(loader)) return root;
  const work = `${root}.new`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, "lib"), { recursive: true });
  try {
    await fetchLibraries(work, processor);
    await fetchLoader(work, processor, debian);
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root);
    await expectSuccess(["cp", "-r", join(work, "lib"), root]);
    return root;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function fetchLibraries(work: string, processor: string): Promise<void> {
  const platform = `musllinux_1_2_${processor}`;
  await expectSuccess(
    ["python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
      .concat(["--platform", platform, "--python-version", "3.12", "-d", work, WHEEL]),
  );
  const wheel = readdirSync(work).find((file) => file.endsWith(".whl")) ?? "";
  const { unzipSync } = await import("fflate");
  const packed = await Bun.file(join(work, wheel)).bytes();
  const files = unzipSync(packed, { filter: ({ name }) => /\.libs\/lib(gcc_s|stdc)/.test(name) });
  for (const [name, data] of Object.entries(files)) {
    const file = name.split("/").at(-1)!;
    const known = file.startsWith("libgcc") ? "libgcc_s.so.1" : "libstdc++.so.6";
    // Under both names: the one that programs ask for, and the one that they call each other.
    for (const one of [file, known]) writeFileSync(join(work, "lib", one), data);
  }
}

/** Through a configuration of its own, so that this machine's list of packages stays as it is. */
async function fetchLoader(work: string, processor: string, debian: string): Promise<void> {
  const lists = join(work, "lists");
  mkdirSync(join(lists, "partial"), { recursive: true });
  mkdirSync(join(work, "archives", "partial"), { recursive: true });
  writeFileSync(join(work, "sources.list"), `${DEBIAN}\n`);
  const options = [
    `Dir::State::lists=${lists}`,
    `Dir::State::status=/dev/null`,
    `Dir::Cache=${work}`,
    `Dir::Etc::sourcelist=${join(work, "sources.list")}`,
    "Dir::Etc::sourceparts=/dev/null",
    `APT::Architecture=${debian}`,
    `APT::Architectures=${debian}`,
    "APT::Sandbox::User=root",
  ].flatMap((option) => ["-o", option]);
  await expectSuccess(["apt-get", "-qq", ...options, "update"]);
  await expectSuccess(["apt-get", "-qq", ...options, "download", "musl"], work);
  const deb = readdirSync(work).find((file) => file.endsWith(".deb")) ?? "";
  await expectSuccess(["dpkg-deb", "-x", join(work, deb), join(work, "root")]);
  const libc = join(work, "root", "usr", "lib", `${processor}-linux-musl`, "libc.so");
  copyFileSync(libc, join(work, "lib", `ld-musl-${processor}.so.1`));
}

async function expectSuccess(command: string[], cwd?: string): Promise<void> {
  if (Bun.which(command[0]!) === null) throw new Error(`it needs ${command[0]}`);
  const { code, output } = await run(command, { cwd });
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}: ${output.slice(-300)}`);
}

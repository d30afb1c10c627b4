/** Builds the console and both executables: `bun run build [web] [server] [client]`; default: all. */

import { mkdirSync } from "node:fs";
import type { BuildFacts, ProgramName } from "../release/mod.ts";
import { compileApart, type Executable } from "./build/executable.ts";
import { collectFacts } from "./build/facts.ts";
import { Stamp } from "./build/stamp.ts";
import { installMissing } from "./install.ts";
import { at } from "./root.ts";
import { Steps } from "./steps.ts";

export type Part = "web" | "server" | "client";

const shared = [
  "protocol/",
  "log/",
  "release/",
  "service/",
  "text/",
  "LICENSE",
  "package.json",
  "bun.lockb",
  "scripts/build/",
  "scripts/build_web.ts",
];

/** What each part is made from; the server carries the console, so the console is built before it. */
const inputs: Record<Part, string[]> = {
  web: ["web/", "api/", "docs/", "scripts/manual/", ...shared],
  server: ["server/", "dist/", ...shared],
  client: ["client/", ...shared],
};

/** Builds the parts that changed since they were built last; says of each whether it was. */
export async function build(parts: readonly Part[], steps: Pick<Steps, "run">): Promise<void> {
  const facts = await collectFacts();
  mkdirSync(at("bin"), { recursive: true });
  for (const part of ["web", "server", "client"] as const) {
    if (!parts.includes(part)) continue;
    await steps.run(names[part], async () => {
      const stamp = stampOf(part, facts);
      if (stamp.isFresh) return "unchanged";
      const said = await builders[part](facts);
      stamp.write();
      return said;
    });
  }
}

function stampOf(part: Part, facts: BuildFacts): Stamp {
  const memory = at("bin", `.${part}.stamp`);
  // The console carries none of the facts.
  const extra = part === "web" ? "" : JSON.stringify(facts);
  return new Stamp(at(outputs[part]), memory, inputs[part], `${Bun.version} ${extra}`);
}

const names: Record<Part, string> = {
  web: "build the console (dist/)",
  server: "build the gateway (bin/server)",
  client: "build the node (bin/client)",
};

const outputs: Record<Part, string> = { web: "dist", server: "bin/server", client: "bin/client" };

/** What one resolves with is shown beside its step. */
const builders: Record<Part, (facts: BuildFacts) => Promise<string | void>> = {
  async web() {
    // Only now: it imports dependencies, which may just have been installed.
    const { buildWeb } = await import("./build_web.ts");
    return await buildWeb();
  },
  server: (facts) => compileProgram("server", facts),
  client: (facts) => compileProgram("client", facts),
};

async function compileProgram(name: ProgramName, facts: BuildFacts): Promise<string> {
  const packages = await compileApart({ ...executables[name], facts });
  return `${facts.version}, ${packages.length} packages`;
}

/** How the two executables are made, here and for a release. */
export const executables: Record<ProgramName, Omit<Executable, "facts">> = {
  server: {
    entry: "server/main.ts",
    threads: ["server/account/hash_thread.ts"],
    output: "bin/server",
    assets: [at("dist", "web"), at("server", "install")],
    inputsFile: at("dist", "web.inputs.json"),
    needsAddon: true,
  },
  client: { entry: "client/main.ts", output: "bin/client", needsAddon: false },
};

function chosenParts(args: readonly string[]): Part[] {
  const wrong = args.find((arg) => !Object.hasOwn(outputs, arg));
  if (wrong !== undefined) {
    console.error(`Cannot build "${wrong}": choose among web, server and client`);
    process.exit(2);
  }
  return args.length === 0 ? ["web", "server", "client"] : args as Part[];
}

if (import.meta.main) {
  try {
    const parts = chosenParts(process.argv.slice(2));
    // The server is not whole without the console inside it.
    if (parts.includes("server") && !parts.includes("web")) parts.push("web");
    const steps = new Steps();
    await steps.run("install what is missing", installMissing);
    await build(parts, steps);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

/** The checks that read the sources: each is a command that must end with 0. */

import { run } from "../program.ts";
import { at, root } from "../root.ts";

export interface Check {
  name: string;
  command: string[];
  /** Takes long: `--fast` leaves it out, like the tests in tests/slow. */
  isSlow?: boolean;
}

const bun = process.execPath;
// Their npm launchers ask for Node.js, which need not be here.
const deno = [bun, at("node_modules", "deno", "bin.cjs")];
const tsc = [bun, at("node_modules", "typescript", "bin", "tsc"), "--noEmit", "-p"];

export const checks: readonly Check[] = [
  { name: "format (deno fmt --check)", command: [...deno, "fmt", "--check"] },
  { name: "lint (deno lint)", command: [...deno, "lint", "--quiet"] },
  {
    name: "types, as Deno sees them (deno check)",
    command: [...deno, "check", "--quiet"],
    isSlow: true,
  },
  { name: "types of gateway, node and scripts (tsc)", command: [...tsc, "."] },
  { name: "types of the console (tsc)", command: [...tsc, "web"] },
  {
    name: "files, exports and packages that nothing uses (knip)",
    command: [bun, at("node_modules", "knip", "bin", "knip-bun.js"), "--no-progress"],
  },
  { name: "import rules", command: [bun, at("scripts", "check_imports.ts")] },
];

/** Throws with what the check printed when it finds fault. */
export async function runCheck({ command }: Check): Promise<void> {
  const env = { ...process.env, NO_COLOR: "1", RUST_BACKTRACE: undefined };
  const { code, output } = await run(command, { cwd: root, env });
  if (code !== 0) throw new Error(output);
}

/** A machine of a user: a home of its own, on which the node's program is called as a user would. */

import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Outcome, Program } from "../../scripts/program.ts";
import { endAfterTests, temporaryFolder } from "./cleanup.ts";
import { nodeCommand } from "./node.ts";

export interface Machine {
  readonly home: string;
  readonly env: Record<string, string>;
  /** `~/.config/co-link/NAME` */
  configFile(name?: string): string;
  /** Calls the program; it runs until it ends, or the tests do. */
  start(args: readonly string[], env?: Record<string, string>): Program;
  /** Calls the program, and waits for its end. */
  run(args: readonly string[], env?: Record<string, string>): Promise<Outcome>;
}

export function aMachine(more: Record<string, string> = {}): Machine {
  const home = temporaryFolder();
  const env = { PATH: process.env.PATH ?? "", HOME: home, TMPDIR: tmpdir(), ...more };
  const start = (args: readonly string[], extra: Record<string, string> = {}) => {
    const program = new Program("client", [...nodeCommand(), ...args], {
      cwd: home,
      env: { ...env, ...extra },
    });
    endAfterTests(() => program.kill());
    return program;
  };
  return {
    home,
    env,
    configFile: (name = "config.yaml") => join(home, ".config", "co-link", name),
    start,
    async run(args, extra) {
      const program = start(args, extra);
      const code = await program.ended;
      return { code, output: program.lines.join("\n") };
    },
  };
}

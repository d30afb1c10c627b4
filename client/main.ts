/** The node as a program: `client -c config.yaml`. Exits by itself only if the configuration is bad. */

import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, type CommandDef, parseArgs, renderUsage } from "citty";
import { createLog } from "../log/create_log.ts";
import { ConfigError, loadConfig, type LoadedConfig } from "./config/config.ts";
import { nodeId } from "./link/identity.ts";
import { createNode, type Node } from "./node.ts";
import { raiseConnectionLimit } from "./run/connection_limit.ts";
import { buildFacts } from "../release/mod.ts";
import type { Log } from "./world.ts";

const EXIT_BAD_USE = 2;
const DEFAULT_CONFIG = "config.yaml";

const flags = {
  config: {
    type: "string",
    alias: "c",
    valueHint: "PATH",
    description: `The configuration file (default: ${DEFAULT_CONFIG} in the current folder)`,
  },
  help: { type: "boolean", alias: "h", description: "Show this and exit" },
  version: { type: "boolean", alias: "v", description: "Show the version and exit" },
} satisfies ArgsDef;

const command: CommandDef = {
  meta: {
    name: "client",
    version: buildFacts.version,
    description:
      "Offers this machine's models through a Co-Link gateway. COLINK_CLIENT_LOG_LEVEL (debug, info, warn, error, silent) says how much it logs.",
  },
  args: flags,
};

await main(process.argv.slice(2));

async function main(argv: string[]): Promise<void> {
  const problems = problemsOf(argv);
  const args = parseArgs<typeof flags>(argv, flags);
  if (problems.length > 0) return refuse([...problems, "--help shows what can be given"]);
  if (args.help) return console.log(forOutput(await renderUsage(command)));
  if (args.version) return console.log(buildFacts.version);
  const path = args.config ?? DEFAULT_CONFIG;
  const loaded = load(path);
  if (loaded !== null) await run(path, loaded);
}

/** Colours are kept for terminals only. */
function forOutput(text: string): string {
  return process.stdout.isTTY ? text : stripVTControlCharacters(text);
}

async function run(path: string, { config, warnings }: LoadedConfig): Promise<void> {
  const log = createLog(process.env.COLINK_CLIENT_LOG_LEVEL ?? "info", process.stdout.isTTY);
  raiseConnectionLimit(config.max_parallel ?? 1, process, log);
  for (const warning of warnings) log.warn({}, warning);
  log.info({ version: buildFacts.version, config: path }, "starting");
  const node = createNode(config, { log, nodeId: await nodeId(path, process.env) });
  surviveErrors(log);
  stopOnSignal(node, log);
  node.start();
}

/** An unexpected error costs one call, not the node. Messages may quote a prompt, so only its place is logged. */
function surviveErrors(log: Log): void {
  const report = (error: unknown) => {
    const { name, stack } = error instanceof Error ? error : new Error();
    const place = stack?.split("\n").find((line) => line.trim().startsWith("at "))?.trim();
    log.error({ fault: name, place }, "unexpected fault; please report it");
  };
  process.on("uncaughtException", report);
  process.on("unhandledRejection", report);
}

/** The first signal drains the node; the second one stops it at once. */
function stopOnSignal(node: Node, log: Log): void {
  let isStopping = false;
  const stop = async () => {
    const isSecond = isStopping;
    isStopping = true;
    if (!isSecond) {
      const { active } = node.status;
      log.info({ active }, "draining: takes nothing new; a second signal stops at once");
    }
    await node.stop(isSecond ? { graceMs: 0 } : {});
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

function load(path: string): LoadedConfig | null {
  try {
    return loadConfig(path, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    refuse(error.problems);
    return null;
  }
}

/** What is wrong with the arguments: the parser itself accepts any flag. */
function problemsOf(argv: string[]): string[] {
  const { _: positional, ...given } = parseArgs(argv, flags);
  const known = Object.entries(flags).flatMap(([name, { alias }]) => [name, alias]);
  const unknown = Object.keys(given).filter((name) => !known.includes(name));
  return [
    ...unknown.map((name) => `unknown flag ${name.length === 1 ? "-" : "--"}${name}`),
    ...positional.map((word) => `unexpected argument ${word}`),
    ...("config" in given && !given.config ? ["--config needs a PATH"] : []),
  ];
}

function refuse(problems: readonly string[]): void {
  for (const problem of problems) console.error(problem);
  process.exitCode = EXIT_BAD_USE;
}

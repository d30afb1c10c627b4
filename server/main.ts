/** The gateway's command line: `server [serve]`, `server admin …`. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import { settingsHelp } from "./base/config.ts";
import { ConfigError, readConfig, UsageError } from "./base/read_config.ts";
import { ColinkError } from "./base/error.ts";
import { programName } from "./base/program_name.ts";
import { causeText } from "./base/trouble_cause.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import { greeting } from "./greeting.ts";
import { createLog } from "../log/create_log.ts";
import type { Log } from "./base/log.ts";
import { setupLink } from "./urls.ts";
import { watchTerminal } from "../log/terminal.ts";
import { notifyServiceManager, ServiceError, type ServiceManager } from "../service/mod.ts";
import { NewerSchemaError } from "./store/migrate.ts";
import { buildFacts, licenses } from "../release/mod.ts";
import { reportAlive, startWorkers, WORKER_FLAG, workerCount } from "./workers.ts";
import { translatedUsage } from "../text/usage.ts";
import { t } from "./texts.ts";

const EXIT_BAD_CONFIGURATION = 2;
const EXIT_FAILED = 1;

const serve = defineCommand({
  meta: { name: "serve", description: t`Run the gateway (the default)` },
  args: {
    "workers": {
      type: "string",
      description: t`Number of worker processes sharing the port; needs REDIS_URL and DATABASE_URL`,
    },
    "domain": {
      type: "string",
      valueHint: "co-link.example.com",
      description:
        t`Serve HTTPS under this name, with a certificate by ACME (COLINK_DOMAIN); needs the ports 80 and 443`,
    },
  },
  run({ args }) {
    // The workers, which read the same settings, inherit it.
    if (args.domain !== undefined) process.env.COLINK_DOMAIN = args.domain;
    return args.workers === undefined ? runServe() : runWorkers(args.workers);
  },
});

const main = defineCommand({
  meta: {
    name: programName,
    version: buildFacts.version,
    description: t`Co-Link gateway: one OpenAI-compatible API in front of your nodes`,
  },
  // A gateway that serves needs none of the others, nor the packages that they load.
  subCommands: {
    serve,
    admin: async () => (await import("./admin.ts")).admin,
    backup: async () => (await import("./backup.ts")).backupCommand,
    restore: async () => (await import("./backup.ts")).restoreCommand,
    migrate: async () => (await import("./backup.ts")).migrateCommand,
    service: async () => (await import("./service.ts")).serviceCommand(process.env),
    doctor: async () => (await import("./doctor.ts")).doctorCommand(process.env),
  },
});

async function runServe(isWorker = false): Promise<void> {
  const config = readConfig(process.env);
  const isTerminal = process.stdout.isTTY === true;
  if (isWorker) reportAlive();
  const log = createLog(config.logLevel, isTerminal);
  let manager: ServiceManager | null = null;
  const noteReady = () => manager ??= isWorker ? null : notifyServiceManager(process.env);
  const gateway = await createGateway(config, {
    log,
    consoleDir: builtConsole(),
    isWorker,
    // A service manager would end a start that takes minutes, and each new one orders a certificate.
    onWaiting: () => noteReady()?.status("Waits for its certificate; the log says what for"),
  });
  noteReady()?.status("");
  stopOnSignals(() => {
    manager?.stopping();
    return gateway.stop();
  }, log);
  log.info({
    url: gateway.url,
    version: buildFacts.version,
    database: config.databaseUrl ? "postgres" : `sqlite in ${config.dataDir}`,
    limits: config.redisUrl ? "redis" : "memory",
    registration: config.registration,
  }, "listening");
  if (!isWorker) await (isTerminal ? greet(gateway) : noteSetup(gateway, log));
  // The process that started this worker is gone.
  if (isWorker) process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
}

/** The folder of the built console: inside the executable, or beside the sources; null: not built. */
function builtConsole(): string | null {
  if (Bun.isStandaloneExecutable) return join(import.meta.dir, "web");
  const dir = join(import.meta.dir, "..", "dist", "web");
  return existsSync(dir) ? dir : null;
}

async function runWorkers(text: string): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel, process.stdout.isTTY === true);
  const count = workerCount(text, config);
  const script = Bun.isStandaloneExecutable ? [] : [Bun.main];
  const workers = startWorkers(count, [process.execPath, ...script], process.env, config, log);
  log.info({ workers: count, port: config.port, version: buildFacts.version }, "started");
  const manager = notifyServiceManager(process.env);
  stopOnSignals(() => {
    manager.stopping();
    return workers.stop();
  }, log);
  const code = await workers.failed;
  await workers.stop();
  process.exit(code);
}

/**
 * The first signal drains, the second cuts off what still runs, the third exits at once. SIGHUP
 * drains where it says that the terminal was closed.
 */
function stopOnSignals(stop: () => Promise<void>, log: Log): void {
  const isTerminalGone = watchTerminal();
  let signals = 0;
  const onSignal = () => {
    if (++signals > 2) process.exit(EXIT_FAILED);
    stop().then(() => process.exit(signals === 1 ? 0 : EXIT_FAILED), (error) => {
      console.error(error);
      process.exit(EXIT_FAILED);
    });
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  process.on("SIGHUP", () => {
    if (!isTerminalGone()) log.info({}, "SIGHUP ignored: a change of the settings needs a restart");
    else if (signals === 0) onSignal();
  });
  // A terminal that was closed, or a full disk, takes no more lines.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}

async function greet({ urls, setup }: Gateway): Promise<void> {
  const code = await setup.code();
  const setupLinks = code === null ? [] : urls.map((url) => setupLink(url, code));
  const { columns } = process.stdout;
  console.log(
    greeting({ version: buildFacts.version, urls, setupLinks, columns }, t),
  );
}

/** Others may read the log: it names the command that prints the link, not the link. */
async function noteSetup({ setup }: Gateway, log: Log): Promise<void> {
  if (!await setup.isOpen()) return;
  log.info(
    {},
    `this gateway has no administrator yet; print a link to set it up: ${programName} admin setup`,
  );
}

/** A command, or what loads it. */
type Command = CommandDef | (() => Promise<CommandDef>);

/** The command that the arguments name, its path, and its own arguments. */
async function commandOf(
  words: readonly string[],
): Promise<{ command: CommandDef; path: string[]; rest: string[] }> {
  const path: string[] = [programName];
  let command: CommandDef = main;
  let rest = [...words];
  for (;;) {
    const below = command.subCommands as Record<string, Command> | undefined;
    const next = rest[0] === undefined ? undefined : below?.[rest[0]];
    if (next === undefined) return { command, path, rest };
    path.push(rest[0]!);
    command = typeof next === "function" ? await next() : next;
    rest = rest.slice(1);
  }
}

/** The first unknown flag or command, which citty would ignore. */
function unknownWord(command: CommandDef, rest: readonly string[]): string | undefined {
  const args = Object.entries((command.args ?? {}) as ArgsDef);
  const flags = args.map(([name]) => `--${name}`);
  let places = args.filter(([, { type }]) => type === "positional").length;
  return rest.find((word, i) =>
    word.startsWith("-")
      ? !flags.some((flag) => word === flag || word.startsWith(`${flag}=`))
      : !flags.includes(rest[i - 1] ?? "") && places-- <= 0
  );
}

async function help(command: CommandDef, path: readonly string[]): Promise<void> {
  const isRoot = command === main;
  const above = { meta: { name: path.slice(0, -1).join(" ") } };
  const usage = translatedUsage(await renderUsage(command, isRoot ? undefined : above));
  const text = isRoot
    ? t`${usage}\n\n--version shows the version, --licenses the licences of all that is inside.\n\nSETTINGS, by environment: name, default, unit, meaning; docs/configuration.md says more\n\n${settingsHelp()}\n`
    : usage;
  console.log(process.stdout.isTTY ? text : stripVTControlCharacters(text));
}

async function run(words: string[]): Promise<void> {
  if (words.includes("--version") || words.includes("-v")) return console.log(buildFacts.version);
  if (words.includes("--licenses")) return console.log(licenses());
  if (words.includes(WORKER_FLAG)) return await runServe(true);
  // `serve` is the default command; its flags work without it.
  if (/^--(workers|domain)/.test(words[0] ?? "")) words.unshift("serve");
  const { command, path, rest } = await commandOf(words);
  if (words.includes("--help") || words.includes("-h")) return await help(command, path);
  const unknown = unknownWord(command, rest);
  if (unknown !== undefined) {
    throw new UsageError([t`"${unknown}": no such command or flag; --help lists all`]);
  }
  if (words.length === 0) return await runServe();
  const { runAsMachineService } = await import("./service.ts");
  const code = await runAsMachineService(words, process.env);
  if (code !== null) return void (process.exitCode = code);
  await runCommand(main, { rawArgs: words });
}

/** Prints a line for an error that the operator can fix, and a stack for any other. Returns the exit code. */
function explain(error: unknown): number {
  if (error instanceof ServiceError) {
    console.error(error.message);
    return EXIT_FAILED;
  }
  if (error instanceof UsageError) {
    for (const problem of error.problems) console.error(problem);
    return EXIT_BAD_CONFIGURATION;
  }
  if (error instanceof ConfigError) {
    console.error([t`Cannot start:`, ...error.problems.map((p) => `  ${p}`)].join("\n"));
    return EXIT_BAD_CONFIGURATION;
  }
  if (isUsageError(error)) {
    console.error(t`${error.message.replace(/\.?$/, ";")} --help lists all`);
    return EXIT_BAD_CONFIGURATION;
  }
  const { code, syscall } = error as { code?: string; syscall?: string };
  if (syscall === "listen") {
    const problem = listenProblems[code ?? ""] ?? t`${code}; set PORT, COLINK_HOST`;
    // The runtime's error names the port in its text only.
    const port = /\bport (\d+)/.exec((error as Error).message)?.[1];
    console.error(
      port === undefined
        ? t`Cannot listen: ${problem}`
        : t`Cannot listen on port ${port}: ${problem}`,
    );
  } else if (
    error instanceof ColinkError || error instanceof NewerSchemaError || isBackupError(error)
  ) {
    console.error(withCause(error));
    if (error instanceof ColinkError && error.code === "store_unavailable") {
      console.error(t`What to check: ${programName} doctor`);
    }
  } else console.error(error);
  return EXIT_FAILED;
}

/** The operator, unlike a caller, may read the cause: the address that did not answer, or the user that was rejected. */
function withCause(error: Error): string {
  if (error instanceof ColinkError && error.code === "store_unavailable") {
    return t`Cannot reach the account database: ${causeText(error)}`;
  }
  const { message, cause } = error;
  return cause instanceof Error ? `${message} (${causeText(cause)})` : message;
}

const listenProblems: Record<string, string> = {
  EADDRINUSE: t`the port is taken; set PORT to another one, or 0 for a free one`,
  EACCES:
    t`this port needs more rights; set PORT (and COLINK_HTTP_PORT) above 1023, or allow it: setcap cap_net_bind_service=+ep on the program, or AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit`,
  EADDRNOTAVAIL: t`this machine has no such address; set COLINK_HOST to one that it has`,
  EINVAL: t`that is no address; set COLINK_HOST to one of this machine's`,
};

/** By its name: its class would load the drivers of both databases. */
function isBackupError(error: unknown): error is Error {
  return error instanceof Error && error.name === "BackupError";
}

/** An error of citty about the command line. */
function isUsageError(error: unknown): error is Error {
  return error instanceof Error && error.name === "CLIError";
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.exit(explain(error));
}

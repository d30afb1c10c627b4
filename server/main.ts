/** The gateway's command line: `server [serve]`, `server admin …`. */

import { defineCommand, renderUsage, runCommand } from "citty";
import { ConfigError, readConfig, settingsHelp } from "./config.ts";
import { ColinkError } from "./error.ts";
import { builtConsole, createGateway, openAccounts } from "./gateway.ts";
import { createLog } from "./log.ts";
import { NewerSchemaError } from "./store/migrate.ts";
import { version } from "./version.ts";

const EXIT_BAD_CONFIGURATION = 2;
const EXIT_FAILED = 1;

const serve = defineCommand({
  meta: { name: "serve", description: "Run the gateway (the default)" },
  run: runServe,
});

const createAdmin = defineCommand({
  meta: {
    name: "create",
    description: "Make an administrator; the password is read from standard input",
  },
  args: { email: { type: "string", required: true, description: "The account's e-mail" } },
  run: ({ args }) => runCreateAdmin(args.email),
});

const invite = defineCommand({
  meta: { name: "invite", description: "Print a code with which one account can be made" },
  args: { days: { type: "string", default: "7", description: "How long the code is good" } },
  run: ({ args }) => runInvite(Number(args.days)),
});

const admin = defineCommand({
  meta: { name: "admin", description: "Accounts, from the command line" },
  subCommands: { create: createAdmin, invite },
});

const main = defineCommand({
  meta: {
    name: "server",
    version,
    description: "Co-Link gateway: connected nodes behind one OpenAI-compatible address",
  },
  subCommands: { serve, admin },
});

async function runServe(): Promise<void> {
  const config = readConfig(process.env);
  const isTerminal = process.stdout.isTTY === true;
  const log = createLog(config.logLevel, isTerminal);
  const gateway = await createGateway(config, { log, consoleDir: builtConsole() });
  log.info({
    url: gateway.url,
    version,
    database: config.databaseUrl ? "postgres" : `sqlite in ${config.dataDir}`,
    limits: config.redisUrl ? "redis" : "memory",
    registration: config.registration,
  }, "listening");
  if (isTerminal) greet(gateway.url);
  stopOnSignals(() => gateway.stop());
}

/** The first signal drains, the second one ends at once. */
function stopOnSignals(stop: () => Promise<void>): void {
  let isStopping = false;
  const onSignal = () => {
    if (isStopping) process.exit(EXIT_FAILED);
    isStopping = true;
    stop().then(() => process.exit(0), (error) => {
      console.error(error);
      process.exit(EXIT_FAILED);
    });
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

function greet(url: string): void {
  console.log(`
  Console   ${url}
  API       ${url}/v1
  Nodes     ${url.replace(/^http/, "ws")}/ws

  Open the console to make an account and copy its two tokens. Ctrl-C stops; again, at once.
`);
}

async function runCreateAdmin(email: string): Promise<void> {
  const password = (await Bun.stdin.text()).replace(/\r?\n$/, "");
  const config = readConfig(process.env);
  const { accounts, close } = await openAccounts(config, createLog("warn", true));
  await accounts.createAdmin(email, password);
  await close();
  console.log(`${email} is an administrator: sign in at the console`);
}

async function runInvite(days: number): Promise<void> {
  if (!(days > 0)) throw new ConfigError(["--days: expected a number above 0"]);
  const { accounts, close } = await openAccounts(
    readConfig(process.env),
    createLog("warn", true),
  );
  console.log(await accounts.createInvite(days * 24 * 60 * 60 * 1000));
  await close();
}

/** citty lets unknown flags and commands pass; here each is named. */
function unknownWord(words: readonly string[]): string | null {
  const [first, second] = words;
  if (first === undefined || first === "serve") {
    return words[first === undefined ? 0 : 1] ?? null;
  }
  if (first !== "admin") return first;
  if (second !== undefined && second !== "create" && second !== "invite") return second;
  const allowed = second === "create" ? "email" : "days";
  return words.slice(2).find((word, i, rest) =>
    word.startsWith("-")
      ? !new RegExp(`^--${allowed}(=|$)`).test(word)
      : rest[i - 1] !== `--${allowed}`
  ) ?? null;
}

async function help(): Promise<void> {
  console.log(await renderUsage(main));
  console.log(`SETTINGS, by environment: name, default, unit, meaning\n\n${settingsHelp()}\n`);
}

async function run(words: string[]): Promise<void> {
  if (words.includes("--version") || words.includes("-v")) return console.log(version);
  if (words.includes("--help") || words.includes("-h")) return await help();
  const unknown = unknownWord(words);
  if (unknown !== null) {
    throw new ConfigError([`"${unknown}": no such command or flag; --help lists all`]);
  }
  if (words.length === 0) words.push("serve");
  await runCommand(main, { rawArgs: words });
}

/** One line each for what the operator can mend; a stack only for what nobody foresaw. */
function explain(error: unknown): number {
  if (error instanceof ConfigError) {
    console.error(["Cannot start:", ...error.problems.map((p) => `  ${p}`)].join("\n"));
    return EXIT_BAD_CONFIGURATION;
  }
  if (isUsageError(error)) {
    console.error(`${error.message.replace(/\.?$/, ";")} --help lists all`);
    return EXIT_BAD_CONFIGURATION;
  }
  const { code, syscall } = error as { code?: string; syscall?: string };
  if (syscall === "listen") {
    console.error(
      `Cannot listen: ${listenProblems[code ?? ""] ?? `${code}; set PORT, COLINK_HOST`}`,
    );
  } else if (error instanceof ColinkError || error instanceof NewerSchemaError) {
    console.error(withCause(error));
  } else console.error(error);
  return EXIT_FAILED;
}

/** What callers are not told, the operator is: which address did not answer, or who was not let in. */
function withCause({ message, cause }: Error): string {
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}

const listenProblems: Record<string, string> = {
  EADDRINUSE: "the port is taken; set PORT to another one, or 0 for a free one",
  EACCES: "this port needs more rights; set PORT to one above 1023",
  EADDRNOTAVAIL: "this machine has no such address; set COLINK_HOST to one that it has",
  EINVAL: "that is no address; set COLINK_HOST to one of this machine's",
};

/** citty's own complaint about what was typed. */
function isUsageError(error: unknown): error is Error {
  return error instanceof Error && error.name === "CLIError";
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.exit(explain(error));
}

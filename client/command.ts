/** The command line: finds the command that the words name, checks every flag and word, and runs it. */

import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, type CommandDef, parseArgs, type ParsedArgs, renderUsage } from "citty";
import { licenses } from "../release/mod.ts";
import { ConfigError } from "./config/config.ts";
import { translatedUsage } from "../text/usage.ts";
import { CommandError } from "./setup/command_error.ts";
import { shown, t } from "./texts.ts";

export type Env = Readonly<Record<string, string | undefined>>;

export interface Command<A extends ArgsDef = ArgsDef> {
  about: string;
  args: A;
  /** Resolves with the exit code; undefined: 0, or the command goes on. Throws CommandError or ConfigError. */
  run(args: ParsedArgs<A>, env: Env): Promise<number | void>;
}

/** Commands below a command, loaded when they are called. */
export type Commands = Readonly<Record<string, () => Promise<Command | Commands>>>;

const EXIT_FAILED = 1;
const EXIT_BAD_USE = 2;

const common = {
  help: { type: "boolean", alias: "h", description: t`Show this and exit` },
} satisfies ArgsDef;

export interface Program {
  name: string;
  version: string;
  about: string;
  /** Run where no command is named. */
  main: Command;
  commands: Commands;
}

/** Declares a command with the types of its own flags. */
export function command<const A extends ArgsDef>(definition: Command<A>): Command {
  return definition as unknown as Command;
}

/** Resolves with the exit code; null: the command goes on running. */
export async function runProgram(
  program: Program,
  words: readonly string[],
  env: Env,
): Promise<number | null> {
  try {
    const found = await commandOf(program, words);
    if ("commands" in found) {
      if (asksForHelp(found.rest)) return print(await listOf(found.commands, found.above));
      return refuse([unknownCommand(found.commands, found.rest)]);
    }
    const { named, path, rest } = found;
    if (named === program.main && !asksForHelp(rest)) {
      const [word] = rest;
      if (word !== undefined && !word.startsWith("-")) return refuse([strayWord(program, word)]);
    }
    const args = {
      ...named.args,
      ...common,
      ...named === program.main ? programFlags : {},
    };
    if (asksForHelp(rest)) return await showHelp(program, named, path, args);
    const problems = problemsOf(args, rest);
    if (problems.length > 0) return refuse([...problems, t`--help shows what can be given`]);
    const parsed = parseArgs(rest as string[], args) as Record<string, unknown>;
    if (parsed.version) return print(program.version);
    if (parsed.licenses) return print(licenses());
    return await named.run(parsed as never, env) ?? null;
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.problems.map(shown));
    if (!(error instanceof CommandError)) throw error;
    for (const line of error.lines) console.error(line);
    return EXIT_FAILED;
  }
}

const programFlags = {
  version: { type: "boolean", alias: "v", description: t`Show the version and exit` },
  licenses: {
    type: "boolean",
    description: t`Show the licences of all that is inside and exit`,
  },
} satisfies ArgsDef;

async function commandOf(
  { main, commands }: Program,
  words: readonly string[],
): Promise<
  { named: Command; path: string[]; rest: readonly string[] } | {
    commands: Commands;
    /** The words that led to them. */
    above: string;
    rest: readonly string[];
  }
> {
  let below = commands;
  const path: string[] = [];
  for (let rest = words;; rest = rest.slice(1)) {
    const [word] = rest;
    const load = word === undefined || !Object.hasOwn(below, word) ? undefined : below[word];
    if (load === undefined) {
      return path.length === 0
        ? { named: main, path, rest }
        : { commands: below, above: path.map((word) => `${word} `).join(""), rest };
    }
    path.push(word!);
    const loaded = await load();
    if (isCommand(loaded)) return { named: loaded, path, rest: rest.slice(1) };
    below = loaded;
  }
}

function isCommand(loaded: Command | Commands): loaded is Command {
  return typeof loaded.run === "function" && "args" in loaded;
}

/** Whether help is asked for, in whatever company: who asks does not know yet what is missing. */
function asksForHelp(words: readonly string[]): boolean {
  return words.includes("--help") || words.includes("-h");
}

/** What is wrong with the arguments: the parser itself accepts any flag. */
function problemsOf(args: ArgsDef, words: readonly string[]): string[] {
  const { _: positional, ...given } = parseArgs(
    words as string[],
    Object.fromEntries(
      Object.entries(args).filter(([, { type }]) => type !== "positional"),
    ),
  ) as { _: string[] } & Record<string, unknown>;
  const entries = Object.entries(args);
  const wanted = entries.filter(([, { type }]) => type === "positional");
  const known = new Set(entries.flatMap(([name, definition]) => [
    name,
    ...camelCase(name),
    ...("alias" in definition ? [definition.alias].flat() : []),
  ]));
  const unknown = Object.keys(given).filter((name) => !known.has(name));
  const missing = wanted.slice(positional.length)
    .filter(([, definition]) => definition.required !== false);
  const empty = entries.filter(([name, { type }]) =>
    type === "string" && name in given && !given[name]
  );
  return [
    ...unknown.map((name) => t`unknown flag ${name.length === 1 ? "-" : "--"}${name}`),
    ...positional.slice(wanted.length).map((word) => t`unexpected argument ${word}`),
    ...missing.map(([name]) => t`${name.toUpperCase()} is missing`),
    ...empty.map(([name, definition]) =>
      t`--${name} needs a ${"valueHint" in definition ? definition.valueHint : "value"}`
    ),
  ];
}

/** The parser gives `--token-file` under both spellings. */
function camelCase(name: string): string[] {
  return [name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
}

async function showHelp(
  program: Program,
  named: Command,
  path: readonly string[],
  args: ArgsDef,
): Promise<number> {
  const isMain = named === program.main;
  const usage = translatedUsage(
    await renderUsage(
      {
        meta: {
          name: [program.name, ...path].join(" "),
          version: program.version,
          description: isMain ? program.about : named.about,
        },
        args,
      } satisfies CommandDef,
    ),
  );
  const list = isMain ? t`\n\nCOMMANDS\n\n${await listOf(program.commands)}\n` : "";
  const text = usage + list;
  // Colours are kept for terminals only.
  return print(process.stdout.isTTY ? text : stripVTControlCharacters(text));
}

async function listOf(commands: Commands, above = ""): Promise<string> {
  const lines = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => {
      const loaded = await load();
      return isCommand(loaded)
        ? `  ${(above + name).padEnd(18)}  ${loaded.about}`
        : await listOf(loaded, `${above}${name} `);
    }),
  );
  return lines.join("\n");
}

function unknownCommand(commands: Commands, [word]: readonly string[]): string {
  const known = Object.keys(commands).join(", ");
  return word === undefined
    ? t`one of these is needed: ${known}`
    : t`"${word}": no such command; there are ${known}`;
}

/** The program takes no word that is neither a command nor belongs to a flag. */
function strayWord({ name, commands }: Program, word: string): string {
  return /\.ya?ml$/.test(word)
    ? t`"${word}": no such command; to run with this configuration: ${name} -c ${word}`
    : unknownCommand(commands, [word]);
}

function print(text: string): number {
  console.log(text);
  return 0;
}

function refuse(problems: readonly string[]): number {
  for (const problem of problems) console.error(problem);
  return EXIT_BAD_USE;
}

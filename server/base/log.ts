/** The gateway's log: JSON lines for machines, one short line a fact for people at a terminal. Never a prompt, an answer or a token. */

import { LogFile } from "./log_file.ts";

/** What is told of a fact; `err` is an error. Members without a value are left out. */
export type Fields = Readonly<Record<string, unknown>>;

type Say = (fields: Fields, message: string) => void;

/** What the rooms need of a log. pino's loggers are such logs, too. */
export interface Log {
  readonly debug: Say;
  readonly info: Say;
  readonly warn: Say;
  readonly error: Say;
}

export type LogLevel = keyof Log | "silent";

/** As pino numbers them, and what people read of them. */
const levels: Readonly<Record<LogLevel, readonly [number: number, name: string]>> = Object.freeze({
  debug: [20, "debug "],
  info: [30, ""],
  warn: [40, "WARN "],
  error: [50, "ERROR "],
  silent: [Infinity, ""],
});

/** Writes to standard output, if not elsewhere; `pretty` is for terminals. */
export function createLog(level: LogLevel, pretty: boolean, write?: (line: string) => void): Log {
  if (level === "silent") return silentLog;
  return pretty
    ? logTo(level, forPeople, write ?? ((line) => void process.stdout.write(line)))
    : logTo(level, forMachines, write ?? new LogFile(1).write);
}

function silent(): void {}

/** For tests and libraries that want silence. */
export const silentLog: Log = Object.freeze({
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
});

type Render = (level: LogLevel, fields: Fields, message: string) => string;

function logTo(lowest: LogLevel, render: Render, write: (line: string) => void): Log {
  const sayer = (level: keyof Log): Say =>
    levels[level][0] < levels[lowest][0]
      ? silent
      : (fields, message) => write(render(level, fields, message));
  return {
    debug: sayer("debug"),
    info: sayer("info"),
    warn: sayer("warn"),
    error: sayer("error"),
  };
}

/** `{"level":30,"time":"2026-11-23T12:00:01.000Z",…,"msg":"call"}` */
function forMachines(level: LogLevel, fields: Fields, message: string): string {
  const members = membersOf(fields).slice(1, -1);
  const comma = members === "" ? "" : ",";
  const [number] = levels[level];
  return `{"level":${number},"time":"${now()}",${members}${comma}"msg":${
    JSON.stringify(message)
  }}\n`;
}

/** JSON. A log never fails whoever says something: what cannot be written down is said to be that. */
function membersOf(fields: Fields): string {
  const { err } = fields;
  try {
    return JSON.stringify(err instanceof Error ? { ...fields, err: told(err) } : fields);
  } catch (fault) {
    return JSON.stringify({ unprintable: String(fault) });
  }
}

interface ErrorFacts {
  type: string;
  code?: unknown;
  message: string;
  stack: string | undefined;
  cause?: ErrorFacts | string;
}

/** Deeper causes are left out: an error may be its own. */
const MAX_CAUSES = 5;

function told(error: Error & { code?: unknown }, depth = 0): ErrorFacts {
  const { name, code, message, stack, cause } = error;
  return {
    type: name,
    ...(code === undefined ? {} : { code }),
    message,
    stack,
    ...(cause === undefined || depth === MAX_CAUSES
      ? {}
      : { cause: cause instanceof Error ? told(cause, depth + 1) : String(cause) }),
  };
}

/** `12:00:01 node connected name=studio models=4` */
function forPeople(level: LogLevel, fields: Fields, message: string): string {
  const known = JSON.parse(membersOf(fields)) as Fields;
  const rest = Object.entries(known).map(([key, value]) =>
    ` ${key}=${typeof value === "string" ? printable(value) : JSON.stringify(value)}`
  ).join("");
  return `${now().slice(11, 19)} ${levels[level][1]}${message}${rest}\n`;
}

let saidMs = 0;
let saidTime = "";

/** UTC. Many lines are of the same millisecond, and to write a date down costs as much as the rest of a line. */
function now(): string {
  const nowMs = Date.now();
  if (nowMs !== saidMs) saidTime = new Date(nowMs).toISOString();
  saidMs = nowMs;
  return saidTime;
}

/** Names come from nodes, and what a terminal obeys must not. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "?");
}

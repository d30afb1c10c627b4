/** The log of both programs: JSON lines for machines, short lines of text for a terminal. */

import { type Fields, type Log, silent } from "./log.ts";
import { LogFile } from "./log_file.ts";

interface Level {
  /** As pino numbers it. */
  number: number;
  /** In text for people. */
  name: string;
}

const levels: Readonly<Record<keyof Log | "silent", Level>> = Object.freeze({
  debug: { number: 20, name: "debug " },
  info: { number: 30, name: "" },
  warn: { number: 40, name: "WARN " },
  error: { number: 50, name: "ERROR " },
  silent: { number: Infinity, name: "" },
});

/**
 * Logs to standard output unless `write` is given; `pretty` is for terminals. An unknown level counts
 * as `info`.
 */
export function createLog(level: string, pretty: boolean, write?: (line: string) => void): Log {
  const lowest = Object.hasOwn(levels, level) ? levels[level as keyof typeof levels] : levels.info;
  const format = pretty ? textLine : jsonLine;
  const writeLine = write ?? (pretty ? writeToTerminal : new LogFile(1).write);
  const writer = (name: keyof Log) => {
    const own = levels[name];
    if (own.number < lowest.number) return silent;
    return (fields: Fields, message: string) => writeLine(format(own, fields, message));
  };
  return {
    debug: writer("debug"),
    info: writer("info"),
    warn: writer("warn"),
    error: writer("error"),
  };
}

function writeToTerminal(line: string): void {
  process.stdout.write(line);
}

/** `{"level":30,"time":"2026-11-23T12:00:01.000Z",…,"msg":"call"}` */
function jsonLine({ number }: Level, fields: Fields, message: string): string {
  const members = membersOf(fields).slice(1, -1);
  const comma = members === "" ? "" : ",";
  const text = JSON.stringify(message);
  return `{"level":${number},"time":"${timestamp()}",${members}${comma}"msg":${text}}\n`;
}

/** `12:00:01 node connected name=studio models=4` */
function textLine({ name }: Level, fields: Fields, message: string): string {
  const members = JSON.parse(membersOf(fields)) as Fields;
  const rest = Object.entries(members).map(([key, value]) => ` ${key}=${printable(value)}`).join(
    "",
  );
  return `${timestamp().slice(11, 19)} ${name}${message}${rest}\n`;
}

/** Names come from nodes and providers: characters that a terminal would obey are replaced. */
function printable(value: unknown): string {
  const text = Array.isArray(value) ? value.join(",") : value;
  return (typeof text === "string" ? text : JSON.stringify(text)).replaceAll(/\p{Cc}/gu, "?");
}

/** A JSON object. Logging never throws: what JSON cannot express is replaced by the reason. */
function membersOf(fields: Fields): string {
  const { err } = fields;
  try {
    return JSON.stringify(err instanceof Error ? { ...fields, err: errorFacts(err) } : fields);
  } catch (error) {
    return JSON.stringify({ unprintable: String(error) });
  }
}

interface ErrorFacts {
  type: string;
  code?: unknown;
  message: string;
  stack?: string | undefined;
  cause?: ErrorFacts | string;
}

/** Deeper causes are left out: an error may be its own cause. */
const MAX_CAUSES = 5;

/** Other members of an error are not logged: drivers keep statements and their parameters there. */
function errorFacts(error: Error & { code?: unknown }, depth = 0): ErrorFacts {
  const { name, code, message, stack, cause } = error;
  return {
    type: name,
    ...(code === undefined ? {} : { code }),
    message,
    ...(isSystemError(error) ? {} : { stack }),
    ...(cause === undefined || depth === MAX_CAUSES
      ? {}
      : { cause: cause instanceof Error ? errorFacts(cause, depth + 1) : String(cause) }),
  };
}

/** What the system refuses, such as a full disk, is for the operator: no line of the program mends it. */
function isSystemError(error: object): boolean {
  return "syscall" in error && typeof error.syscall === "string";
}

let lastMs = 0;
let lastTimestamp = "";

/** UTC. Formatted once per millisecond: it costs as much as the rest of a line. */
function timestamp(): string {
  const nowMs = Date.now();
  if (nowMs !== lastMs) lastTimestamp = new Date(nowMs).toISOString();
  lastMs = nowMs;
  return lastTimestamp;
}

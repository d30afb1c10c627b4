/** The gateway's log: JSON lines for machines, one short line a fact for people at a terminal. Never a prompt, an answer or a token. */

import pino from "pino";

/** What the rooms need of a log. */
export type Log = Pick<pino.Logger, "debug" | "info" | "warn" | "error">;

/** Writes to standard output; `pretty` is for terminals. */
export function createLog(level: string, pretty: boolean): Log {
  const options = { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime };
  return pretty
    ? pino(options, { write: (line) => void process.stdout.write(forPeople(line)) })
    : pino(options, pino.destination({ dest: 1, sync: true }));
}

/** For tests and libraries that want silence. */
export const silentLog: Log = pino({ level: "silent" });

const levelNames: Record<number, string> = { 20: "debug", 30: "", 40: "WARN ", 50: "ERROR" };

/** `12:00:01 node connected name=studio models=4` */
function forPeople(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([key, value]) =>
    ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`
  ).join("");
  const name = levelNames[Number(level)] ?? "";
  return `${String(time).slice(11, 19)} ${name}${name && " "}${msg}${rest}\n`;
}

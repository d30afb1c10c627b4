/** The node's log: JSON lines for machines, short lines of text for people at a terminal. */

import pino from "pino";
import type { Log } from "./world.ts";

/** Logs to standard output; `pretty` is for terminals. An unknown level counts as `info`. */
export function createLog(levelName: string, pretty: boolean): Log {
  const isLevel = levelName === "silent" || levelName in pino.levels.values;
  const level = isLevel ? levelName : "info";
  const options = { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime };
  return pretty
    ? pino(options, { write: (line) => void process.stdout.write(forPeople(line)) })
    : pino(options, pino.destination({ dest: 1, sync: true }));
}

const levelNames: Readonly<Record<number, string>> = Object.freeze({
  20: "debug ",
  30: "",
  40: "WARN ",
  50: "ERROR ",
});

/** `12:00:01 connected server=ws://127.0.0.1:8080/ws models=pro-model` */
function forPeople(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${shown(value)}`).join("");
  return `${String(time).slice(11, 19)} ${levelNames[Number(level)] ?? ""}${msg}${rest}\n`;
}

/** Values come from elsewhere: characters that a terminal would obey are replaced. */
function shown(value: unknown): string {
  const text = Array.isArray(value) ? value.join(",") : value;
  return typeof text === "string" ? text.replaceAll(/\p{Cc}/gu, "?") : JSON.stringify(text);
}

/** The gateway's log: JSON lines for machines, one short line a fact for people at a terminal. Never a prompt, an answer or a token. */

import pino from "pino";

/** What the rooms need of a log. */
export type Log = Pick<pino.Logger, "debug" | "info" | "warn" | "error">;

/** Lines are gathered for this long, or until there are this many characters: one system call for many. */
const GATHER_MS = 20;
const GATHER_CHARS = 8 * 1024;

/** Writes to standard output; `pretty` is for terminals. */
export function createLog(level: string, pretty: boolean): Log {
  const options = { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime };
  return pretty
    ? pino(options, { write: (line) => void process.stdout.write(forPeople(line)) })
    : pino(options, standardOutput());
}

/** Written in order, and what is left when the process ends, whatever ends it short of SIGKILL. */
function standardOutput(): pino.DestinationStream {
  const destination = pino.destination({ dest: 1, sync: true });
  const lines = gathered((text) => destination.write(text));
  process.on("exit", () => {
    lines.flush();
    destination.flushSync();
  });
  return lines;
}

/** pino's own way to gather measures all that it holds anew with every line, which costs more than the line. */
function gathered(write: (text: string) => void): pino.DestinationStream & { flush(): void } {
  let text = "";
  let timer: ReturnType<typeof setTimeout> | null = null;
  const flush = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const all = text;
    text = "";
    if (all !== "") write(all);
  };
  return {
    flush,
    write(line) {
      text += line;
      if (text.length >= GATHER_CHARS) flush();
      else timer ??= setTimeout(flush, GATHER_MS);
    },
  };
}

/** For tests and libraries that want silence. */
export const silentLog: Log = pino({ level: "silent" });

const levelNames: Record<number, string> = { 20: "debug", 30: "", 40: "WARN ", 50: "ERROR" };

/** `12:00:01 node connected name=studio models=4` */
function forPeople(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([key, value]) =>
    ` ${key}=${typeof value === "string" ? printable(value) : JSON.stringify(value)}`
  ).join("");
  const name = levelNames[Number(level)] ?? "";
  return `${String(time).slice(11, 19)} ${name}${name && " "}${msg}${rest}\n`;
}

/** Names come from nodes, and what a terminal obeys must not. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "?");
}

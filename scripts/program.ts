/** A program that we started: its output line by line, its end, and a stop that always comes. */

import { closeSync, openSync, writeSync } from "node:fs";

export interface ProgramOptions {
  cwd?: string | undefined;
  /** The whole environment; default: ours. */
  env?: Record<string, string | undefined> | undefined;
  /** Written to its standard input, which is then closed. */
  input?: string;
  /** Everything it prints goes here too. */
  logFile?: string;
  onLine?: ((line: string) => void) | undefined;
  /** Ctrl-C at our terminal does not reach it: the process that started it stops it, in the right order. */
  shielded?: boolean;
}

/** So many of the newest lines are kept, to be shown when something went wrong. */
const KEPT_LINES = 400;

export class Program {
  /** The newest lines of both outputs, oldest first. */
  readonly lines: string[] = [];
  /** Resolves with the exit code once it has ended and all its output was read. */
  readonly ended: Promise<number>;
  readonly pid: number;

  readonly #child: Bun.Subprocess<"ignore" | Blob, "pipe", "pipe">;
  readonly #listeners = new Set<(line: string) => void>();

  /** Throws when the program cannot be started at all (not found, not executable). */
  constructor(readonly name: string, command: string[], options: ProgramOptions = {}) {
    const log = options.logFile === undefined ? null : openSync(options.logFile, "w", 0o600);
    this.#child = Bun.spawn(command, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
      stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
      stdout: "pipe",
      stderr: "pipe",
      detached: options.shielded ?? false,
    });
    this.pid = this.#child.pid;
    const take = (line: string) => {
      if (log !== null) writeSync(log, line + "\n");
      options.onLine?.(line);
      this.#take(line);
    };
    this.ended = Promise.all([
      readLines(this.#child.stdout, take),
      readLines(this.#child.stderr, take),
      this.#child.exited,
    ]).then(([, , code]) => {
      if (log !== null) closeSync(log);
      return code;
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * The first line, past or future, that `match` finds something in.
   * Rejects when the program ends first or `deadlineMs` passes, with the last lines it printed.
   */
  async line<T>(match: (line: string) => T | undefined, deadlineMs: number): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const listen = (line: string) => {
      const found = match(line);
      if (found !== undefined) resolve(found);
    };
    const timer = setTimeout(
      () => reject(this.failure(`not ready after ${deadlineMs / 1000} s`)),
      deadlineMs,
    );
    this.#listeners.add(listen);
    this.lines.forEach(listen);
    this.ended.then((code) => reject(this.failure(`ended with exit code ${code}`)));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listen);
    }
  }

  /** An error that says what is wrong with this program and shows its last words. */
  failure(state: string): Error {
    const words = this.lines.slice(-15).map((line) => `    ${line}`).join("\n");
    return new Error(`${this.name}: ${state}${words && `; its last lines:\n${words}`}`);
  }

  /** Asks it to end, makes it end after `graceMs`, and resolves with its exit code. */
  async stop(
    { graceMs = 10_000, signal = "SIGTERM" }: {
      graceMs?: number;
      signal?: NodeJS.Signals | undefined;
    } = {},
  ): Promise<number> {
    const timer = setTimeout(() => this.kill(), graceMs);
    this.#child.kill(signal);
    const code = await this.ended;
    clearTimeout(timer);
    return code;
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  #take(line: string): void {
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    for (const listen of this.#listeners) listen(line);
  }
}

/** What a program that ran to its end printed, and its exit code. */
export interface Outcome {
  code: number;
  output: string;
}

/** Runs a program to its end. A non-zero exit code is an outcome, not an error. */
export async function run(command: string[], options: ProgramOptions = {}): Promise<Outcome> {
  const output: string[] = [];
  const program = new Program(command[0] ?? "", command, {
    ...options,
    onLine: (line) => output.push(line),
  });
  const code = await program.ended;
  return { code, output: output.join("\n") };
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    parts.forEach(take);
  }
  if (rest !== "") take(rest);
}

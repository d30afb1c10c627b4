/** A server under measurement: its own core, its own folder, its output in a file as in production. */

import { closeSync, mkdirSync, openSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { pinned } from "./cores.ts";

export interface ServerOptions {
  name: string;
  command: readonly string[];
  /** What it keeps lies here, its log too. */
  folder: string;
  /** The cores that it may use; null: those of this process. */
  cores: string | null;
  env?: Record<string, string>;
}

const STOPPED_WITHIN_MS = 15_000;

const running = new Set<ServerProcess>();

/** Ends those that were not stopped, because something failed on the way. */
export async function stopServers(): Promise<void> {
  await Promise.all([...running].map((one) => one.stop(1000)));
}

export class ServerProcess {
  readonly pid: number;
  readonly name: string;
  readonly #logFile: string;
  readonly #child: Bun.Subprocess;

  constructor({ name, command, folder, cores, env }: ServerOptions) {
    mkdirSync(folder, { recursive: true });
    this.name = name;
    this.#logFile = join(folder, `${name}.log`);
    const log = openSync(this.#logFile, "a", 0o600);
    this.#child = Bun.spawn(cores === null ? [...command] : pinned(cores, command), {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, ...env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.pid = this.#child.pid;
    running.add(this);
  }

  /** Asks `isReady` until it says yes. Rejects, with the server's last words, when that takes too long. */
  async ready(isReady: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
    const endMs = performance.now() + withinMs;
    while (!await isReady()) {
      if (this.#child.exitCode !== null || performance.now() > endMs) {
        throw new Error(`${this.name} is not ready; its last lines:\n${this.#lastWords()}`);
      }
      await Bun.sleep(1);
    }
  }

  /** Forgets what was logged so far, so that long measurements do not fill the disk. */
  forgetLog(): void {
    truncateSync(this.#logFile);
  }

  /** Asks it to end, and makes it end when it has not after `withinMs`. */
  async stop(withinMs = STOPPED_WITHIN_MS): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), withinMs);
    this.#child.kill("SIGTERM");
    await this.#child.exited;
    clearTimeout(timer);
    running.delete(this);
  }

  #lastWords(): string {
    return readFileSync(this.#logFile, "utf8").split("\n").slice(-15).join("\n");
  }
}

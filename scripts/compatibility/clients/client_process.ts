/** A run of a client: its output, its end, and Ctrl-C for it and all that it started. */

export interface ClientRun {
  /** Both outputs. */
  output: string;
  /** Null: it did not end in time. */
  code: number | null;
}

export interface ClientCommand {
  /** For a shell. */
  script: string;
  cwd: string;
  env: Record<string, string>;
}

/** Between Ctrl-C and the end that cannot be refused. */
const GRACE_MS = 5000;

export class ClientProcess {
  readonly ended: Promise<ClientRun>;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  #isLate = false;

  constructor({ script, cwd, env }: ClientCommand, deadlineMs: number) {
    // Its own group, which a terminal's Ctrl-C would reach as a whole.
    const child = Bun.spawn(["sh", "-c", script], {
      cwd,
      env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    this.#child = child;
    const timer = setTimeout(() => {
      this.#isLate = true;
      this.#signal("SIGKILL");
    }, deadlineMs);
    const texts = Promise.all([child.stdout.text(), child.stderr.text()]);
    this.ended = child.exited.then(async (code) => {
      clearTimeout(timer);
      // What it left running keeps its outputs open.
      this.#signal("SIGKILL");
      const output = (await texts).join("\n");
      return { output, code: this.#isLate ? null : code };
    });
  }

  /** As Ctrl-C does. */
  async interrupt(): Promise<ClientRun> {
    this.#signal("SIGINT");
    const timer = setTimeout(() => this.#signal("SIGKILL"), GRACE_MS);
    const ended = await this.ended;
    clearTimeout(timer);
    return ended;
  }

  #signal(name: NodeJS.Signals): void {
    try {
      process.kill(-this.#child.pid, name);
    } catch {
      // The group has ended.
    }
  }
}

/** The handle of a caller's process: its last report of each call outlives the process. */

import { join } from "node:path";
import { type CallsOrder, nothingSeen, type Seen } from "./seen.ts";

export class CallerProcess {
  readonly #child: Bun.Subprocess;
  readonly #seen = new Map<string, Seen>();

  constructor() {
    this.#child = Bun.spawn([process.execPath, join(import.meta.dir, "caller.ts")], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (seen: Seen) => void this.#seen.set(seen.model, seen),
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  make(order: CallsOrder): void {
    this.#seen.clear();
    for (const { model } of order.calls) this.#seen.set(model, nothingSeen(model));
    this.#child.send(order);
  }

  /** By the call's model. */
  get seen(): ReadonlyMap<string, Seen> {
    return this.#seen;
  }

  /** Whether no further report will arrive. */
  get isDone(): boolean {
    return !this.isRunning || [...this.#seen.values()].every(({ ending }) => ending !== null);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

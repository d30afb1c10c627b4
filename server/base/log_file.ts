/** An open file that lines are written to: in their order, gathered, and whatever ends the process short of SIGKILL. */

import { writeSync } from "node:fs";

/** Lines are gathered for this long, or until there are so many bytes: one system call for many. */
const GATHER_MS = 20;
const GATHER_BYTES = 32 * 1024;

/** A character takes no more in UTF-8. */
const MAX_BYTES_PER_CHAR = 3;

/** How long a pipe that is full is left alone before it is tried again. */
const FULL_MS = 10;

export class LogFile {
  readonly #gathered = Buffer.allocUnsafeSlow(GATHER_BYTES);
  #used = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isBroken = false;

  constructor(
    private readonly descriptor: number,
    private readonly writeBytes: (descriptor: number, bytes: Uint8Array) => number = writeSync,
  ) {
    process.on("exit", () => this.flush());
  }

  /** Takes a line with its end. */
  readonly write = (line: string): void => {
    const maxBytes = line.length * MAX_BYTES_PER_CHAR;
    if (this.#used + maxBytes > GATHER_BYTES) this.flush();
    if (maxBytes > GATHER_BYTES) return this.#writeAll(Buffer.from(line));
    this.#used += this.#gathered.write(line, this.#used);
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  };

  /** Writes what is gathered. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const bytes = this.#gathered.subarray(0, this.#used);
    this.#used = 0;
    this.#writeAll(bytes);
  }

  /** Waits where a pipe is full, for whoever reads it shall have all; where nobody reads any more, or there is no room on a disk, lines are lost. */
  #writeAll(bytes: Uint8Array): void {
    for (let rest = bytes; rest.byteLength > 0 && !this.#isBroken;) {
      try {
        rest = rest.subarray(this.writeBytes(this.descriptor, rest));
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "EAGAIN") Bun.sleepSync(FULL_MS);
        else if (code !== "EINTR") {
          this.#isBroken = code === "EPIPE";
          return;
        }
      }
    }
  }
}

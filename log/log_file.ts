/** Writes lines to an open file: in order, several with one system call, and the last of them when the process exits. */

import { writeSync } from "node:fs";

/** Lines are gathered this long, or until they fill the buffer. */
const GATHER_MS = 20;
const GATHER_BYTES = 32 * 1024;

/** UTF-8's most for one UTF-16 code unit. */
const MAX_BYTES_PER_CHAR = 3;

/** How long to wait before writing again to a full pipe. */
const RETRY_MS = 10;

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

  /** Takes a line including its line feed. */
  readonly write = (line: string): void => {
    const maxBytes = line.length * MAX_BYTES_PER_CHAR;
    if (this.#used + maxBytes > GATHER_BYTES) this.flush();
    if (maxBytes > GATHER_BYTES) return this.#writeAll(Buffer.from(line));
    this.#used += this.#gathered.write(line, this.#used);
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  };

  /** Writes the gathered lines. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const bytes = this.#gathered.subarray(0, this.#used);
    this.#used = 0;
    this.#writeAll(bytes);
  }

  /** Waits while a pipe is full, so that its reader gets every line. A reader that is gone and a full disk cost lines. */
  #writeAll(bytes: Uint8Array): void {
    for (let rest = bytes; rest.byteLength > 0 && !this.#isBroken;) {
      try {
        rest = rest.subarray(this.writeBytes(this.descriptor, rest));
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "EAGAIN") Bun.sleepSync(RETRY_MS);
        else if (code !== "EINTR") {
          this.#isBroken = code === "EPIPE";
          return;
        }
      }
    }
  }
}

/** Watches a configuration's files, and reports when any of them has changed. */

import { statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";

/** Looked at rather than subscribed to: that works on every file system, through links, and for files that editors replace. */
const LOOK_EVERY_MS = 1_000;

export class ConfigWatch {
  #mark: string;
  readonly #timer: ReturnType<typeof setInterval>;

  /** `extra`: further files that the configuration names, relative to it. */
  constructor(
    private readonly path: string,
    private readonly extra: () => readonly string[],
    onChange: () => void,
  ) {
    this.#mark = this.#look();
    this.#timer = setInterval(() => {
      const mark = this.#look();
      if (mark === this.#mark) return;
      this.#mark = mark;
      onChange();
    }, LOOK_EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): string {
    const folder = dirname(this.path);
    const files = this.extra().map((file) => isAbsolute(file) ? file : join(folder, file));
    return [this.path, ...files].map(markOf).join();
  }
}

function markOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return "none";
  }
}

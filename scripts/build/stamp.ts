/** Remembers what an output was built from, so that an unchanged tree is not built again. */

import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { Glob } from "bun";
import { root } from "../root.ts";

export class Stamp {
  readonly #file: string;
  readonly #print: string;

  /**
   * `file` keeps the memory; `inputs` are files and folders (with a slash) of the repository;
   * `extra` is whatever else shapes the output.
   */
  constructor(readonly output: string, file: string, inputs: readonly string[], extra: string) {
    this.#file = file;
    this.#print = fingerprint(inputs, extra);
  }

  get isFresh(): boolean {
    return existsSync(this.output) && existsSync(this.#file) &&
      readFileSync(this.#file, "utf8") === this.#print;
  }

  /** To be called once the output stands. */
  write(): void {
    writeFileSync(this.#file, this.#print);
  }
}

/** Changes whenever an input file appears, goes, grows or is written. */
function fingerprint(inputs: readonly string[], extra: string): string {
  const hash = new Bun.CryptoHasher("sha256").update(extra);
  for (const input of inputs) {
    const pattern = input.endsWith("/") ? `${input}**/*` : input;
    for (const path of [...new Glob(pattern).scanSync({ cwd: root })].sort()) {
      const { size, mtimeMs } = statSync(`${root}/${path}`);
      hash.update(`\0${path}\0${size}\0${mtimeMs}`);
    }
  }
  return hash.digest("hex");
}

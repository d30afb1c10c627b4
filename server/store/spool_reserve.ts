/** Room in the data folder that is taken before it is needed: on a full disk the last entries are written over it. */

import { mkdir, open, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";

/** Thousands of entries. */
const RESERVE_BYTES = 4 * 1024 * 1024;

const BLANK_LINES = new Uint8Array(64 * 1024).fill(10);

/** A file of blank lines, which a replay of the spool skips. */
export class SpoolReserve {
  #isFilled = false;

  constructor(private readonly path: string, private readonly bytes = RESERVE_BYTES) {}

  get isFilled(): boolean {
    return this.#isFilled;
  }

  /** Takes the room, unless an earlier run has left it taken. Rejects, with nothing taken, where there is none. */
  async fill(): Promise<void> {
    if (this.#isFilled) return;
    if ((await stat(this.path).catch(() => null))?.size !== this.bytes) await this.#write();
    this.#isFilled = true;
  }

  async #write(): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    const file = await open(this.path, "w", 0o600);
    try {
      for (let at = 0; at < this.bytes; at += BLANK_LINES.byteLength) {
        await file.write(BLANK_LINES, 0, Math.min(BLANK_LINES.byteLength, this.bytes - at));
      }
      await file.sync();
    } catch (error) {
      await unlink(this.path);
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Gives the room away as a file of that name. Resolves with its bytes; 0: no room was taken. */
  async giveAs(path: string): Promise<number> {
    if (!this.#isFilled) return 0;
    this.#isFilled = false;
    await rename(this.path, path);
    return this.bytes;
  }
}

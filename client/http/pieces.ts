/** Bytes that arrive piece by piece and are held until all are there. */

import { Buffer } from "node:buffer";

/** So many pieces are joined at a time, where they are small. */
const JOINED = 1_024;
/** Each piece costs some hundreds of bytes besides its own. */
const SMALL_BYTES = 256;

/** A body that comes byte by byte would else take hundreds of times its size. */
export class Pieces {
  readonly #before: Uint8Array[] = [];
  #latest: Uint8Array[] = [];
  #latestBytes = 0;

  push(piece: Uint8Array): void {
    this.#latest.push(piece);
    this.#latestBytes += piece.byteLength;
    if (this.#latest.length < JOINED) return;
    const isSmall = this.#latestBytes < JOINED * SMALL_BYTES;
    this.#before.push(...(isSmall ? [Buffer.concat(this.#latest)] : this.#latest));
    this.#latest = [];
    this.#latestBytes = 0;
  }

  /** In their order. */
  get all(): Uint8Array[] {
    return this.#before.length === 0 ? this.#latest : [...this.#before, ...this.#latest];
  }

  /** As one. */
  get joined(): Uint8Array {
    const { all } = this;
    return all.length === 1 ? all[0]! : Buffer.concat(all);
  }
}

/** Bytes in their order, added in pieces of any size and taken out in others. */

import { owned } from "./owned_bytes.ts";

export class SendBuffer {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Appends the bytes, which are kept as they are and not copied before a part of them is taken. */
  add(part: Uint8Array): void {
    if (part.byteLength === 0) return;
    this.#parts.push(part);
    this.#bytes += part.byteLength;
  }

  /** Removes and returns the first bytes, at most `maxBytes`. */
  take(maxBytes: number): Uint8Array {
    const taken = this.#first(maxBytes);
    return taken.length === 1 ? taken[0]! : concat(taken);
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }

  #first(maxBytes: number): Uint8Array[] {
    if (this.#bytes <= maxBytes) {
      const all = this.#parts;
      this.clear();
      return all;
    }
    const taken: Uint8Array[] = [];
    let room = maxBytes;
    let whole = 0;
    for (const part of this.#parts) {
      if (part.byteLength > room) break;
      taken.push(part);
      room -= part.byteLength;
      whole++;
    }
    const [cut] = this.#parts.splice(0, whole + 1).slice(whole);
    if (cut !== undefined) {
      taken.push(cut.subarray(0, room));
      // It may stay for long: what was sent of its message must not stay with it.
      this.#parts.unshift(owned(cut.subarray(room)));
    }
    this.#bytes -= maxBytes;
    return taken;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((bytes, part) => bytes + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

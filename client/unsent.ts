/** What was said and not sent yet, in its order. */

export class Unsent {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(part: Uint8Array): void {
    if (part.byteLength === 0) return;
    this.#parts.push(part);
    this.#bytes += part.byteLength;
  }

  /** Takes the first bytes out, at most so many. */
  take(maxBytes: number): Uint8Array[] {
    if (this.#bytes <= maxBytes) return this.clear();
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
      this.#parts.unshift(cut.subarray(room));
    }
    this.#bytes -= maxBytes;
    return taken;
  }

  /** Takes everything out. */
  clear(): Uint8Array[] {
    const parts = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    return parts;
  }
}

/** The body of an upstream's answer that is no success, gathered and cut off where no refusal is so long. */

/** In bytes. */
const MAX_REFUSAL_BYTES = 64 * 1024;

export class RefusalBody {
  /** Not a list: a list of small pieces takes many times their size. */
  #text = "";
  #bytes = 0;
  readonly #decoder = new TextDecoder();

  /** Adds a piece as far as it fits; false: it does not. */
  add(bytes: Uint8Array): boolean {
    const taken = bytes.subarray(0, MAX_REFUSAL_BYTES - this.#bytes);
    this.#text += this.#decoder.decode(taken, { stream: true });
    this.#bytes += taken.byteLength;
    return taken.byteLength === bytes.byteLength;
  }

  /** All of it. Nothing can be added afterwards. */
  end(): string {
    return this.#text + this.#decoder.decode();
  }
}

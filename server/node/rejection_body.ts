/** The body of an upstream's answer other than 2xx, gathered up to a limit that no honest one reaches. */

/** In bytes. */
const MAX_BYTES = 64 * 1024;

export class RejectionBody {
  /** One text, because a list of small pieces would take many times their size. */
  #text = "";
  #bytes = 0;
  readonly #decoder = new TextDecoder();

  /** Adds a piece as far as it fits. Returns false if it does not fit whole. */
  add(bytes: Uint8Array): boolean {
    const taken = bytes.subarray(0, MAX_BYTES - this.#bytes);
    this.#text += this.#decoder.decode(taken, { stream: true });
    this.#bytes += taken.byteLength;
    return taken.byteLength === bytes.byteLength;
  }

  /** The whole text. To be called once, after the last `add`. */
  end(): string {
    return this.#text + this.#decoder.decode();
  }
}

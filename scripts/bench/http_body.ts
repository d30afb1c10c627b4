/** The bodies of HTTP/1.1 answers, read from pieces that may be cut anywhere. */

/** Reads one body. */
export interface BodyReader {
  /** Hands on what of these bytes is content; true: the body is whole. */
  take(bytes: Buffer, content: (piece: Buffer) => void): boolean;
}

/** The reader for the body that this head announces. */
export function bodyReader(head: string): BodyReader {
  const length = /\ncontent-length: *(\d+)/i.exec(head)?.[1];
  return length === undefined ? new ChunkedBody() : new SizedBody(Number(length));
}

class SizedBody implements BodyReader {
  constructor(private leftBytes: number) {}

  take(bytes: Buffer, content: (piece: Buffer) => void): boolean {
    this.leftBytes -= bytes.length;
    if (bytes.length > 0) content(bytes);
    return this.leftBytes <= 0;
  }
}

const LINE_END = "\n";
const CRLF_BYTES = 2;

class ChunkedBody implements BodyReader {
  /** Of the chunk that is being read. */
  #contentBytes = 0;
  /** The line end after a chunk's content. */
  #skipBytes = 0;
  /** The beginning of a chunk's size line. */
  #line = "";
  #isLast = false;

  take(bytes: Buffer, content: (piece: Buffer) => void): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.#contentBytes > 0) {
        const piece = bytes.subarray(at, at + this.#contentBytes);
        this.#contentBytes -= piece.length;
        at += piece.length;
        content(piece);
      } else if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, bytes.length - at);
        this.#skipBytes -= skipped;
        at += skipped;
        if (this.#isLast && this.#skipBytes === 0) return true;
      } else at = this.#readSize(bytes, at);
    }
    return false;
  }

  /** Returns where it stopped reading. */
  #readSize(bytes: Buffer, from: number): number {
    const lineEnd = bytes.indexOf(LINE_END, from);
    const to = lineEnd < 0 ? bytes.length : lineEnd;
    this.#line += bytes.toString("latin1", from, to);
    if (lineEnd < 0) return to;
    this.#contentBytes = Number.parseInt(this.#line, 16);
    if (Number.isNaN(this.#contentBytes)) {
      throw new Error(`Cannot read a chunk: its size is "${this.#line}"`);
    }
    this.#isLast = this.#contentBytes === 0;
    this.#skipBytes = CRLF_BYTES;
    this.#line = "";
    return to + 1;
  }
}

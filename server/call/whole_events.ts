/**
 * Splits a stream at the ends of its events. Nodes cut their frames anywhere; what the gateway itself
 * writes between two events (a comment, an error) must never be written into one.
 */

/** The beginning of an event is held back up to this size; a longer event is passed on in parts. */
const MAX_HELD_BYTES = 64 * 1024;

const LF = 0x0a;
const BLANK_LINES = ["\n\n", "\r\n\r\n", "\r\r"];
const LONGEST_BLANK_LINE = 4;

type Bytes = Uint8Array;

export class WholeEvents {
  /** The beginning of an incomplete event, and behind it room for more, so that small pieces are not copied again and again. */
  #held: Buffer | null = null;
  #heldBytes = 0;
  #isCut = false;

  constructor(private readonly pass: (events: string | Bytes) => void) {}

  /** Whether a part of an event was passed on whose rest is still to come. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Passes on what is complete with the piece. Text consists of whole events. */
  add(piece: string | Bytes): void {
    // The usual case, which costs a look at two bytes.
    if (typeof piece === "string" || (this.#held === null && endsWithBlankLine(piece))) {
      this.#isCut = false;
      return this.pass(piece);
    }
    const bytes = viewOf(piece);
    const rest = this.#held === null ? bytes : this.#complete(bytes);
    if (rest.byteLength > 0) this.#split(rest);
  }

  /** Returns the beginning of an event that stays incomplete, and holds it no longer; null: there is none. */
  takeRest(): Bytes | null {
    const rest = this.#held?.subarray(0, this.#heldBytes) ?? null;
    this.#held = null;
    this.#heldBytes = 0;
    return rest;
  }

  /** Passes the held event on if the piece completes it. Returns the bytes behind it. */
  #complete(piece: Buffer): Buffer {
    const end = endOfFirst(this.#held!.subarray(0, this.#heldBytes), piece);
    this.#hold(piece.subarray(0, end ?? piece.byteLength));
    if (end === null && this.#heldBytes <= MAX_HELD_BYTES) return piece.subarray(piece.byteLength);
    this.#isCut = end === null;
    this.pass(this.takeRest()!);
    return piece.subarray(end ?? piece.byteLength);
  }

  /** Holds these bytes, too. A view would keep the whole frame in memory for as long as the caller stalls. */
  #hold(bytes: Buffer): void {
    const needed = this.#heldBytes + bytes.byteLength;
    if (this.#held === null) this.#held = Buffer.alloc(needed);
    else if (needed > this.#held.byteLength) {
      const larger = Buffer.alloc(2 * needed);
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#heldBytes);
    this.#heldBytes = needed;
  }

  /** Passes whole events on and holds the beginning of the last one. */
  #split(bytes: Buffer): void {
    const end = endOfLast(bytes);
    const isInside = this.#isCut && end === 0;
    if (isInside || bytes.byteLength - end > MAX_HELD_BYTES) {
      this.#isCut = true;
      return this.pass(bytes);
    }
    this.#isCut = false;
    if (end > 0) this.pass(bytes.subarray(0, end));
    if (end < bytes.byteLength) this.#hold(bytes.subarray(end));
  }
}

function endsWithBlankLine(bytes: Bytes): boolean {
  const { length } = bytes;
  return bytes[length - 1] === LF && bytes[length - 2] === LF;
}

/** Where in `piece` the held event ends; null: it does not. The blank line may lie across the boundary. */
function endOfFirst(held: Bytes, piece: Buffer): number | null {
  const before = held.subarray(1 - LONGEST_BLANK_LINE);
  const boundary = Buffer.concat([before, piece.subarray(0, LONGEST_BLANK_LINE - 1)]);
  const across = firstEndIn(boundary);
  return across === null ? firstEndIn(piece) : across - before.byteLength;
}

/** The index behind the first blank line; null: there is none. */
function firstEndIn(bytes: Buffer): number | null {
  const ends = BLANK_LINES.flatMap((line) => {
    const index = bytes.indexOf(line);
    return index < 0 ? [] : [index + line.length];
  });
  return ends.length === 0 ? null : Math.min(...ends);
}

/** The index behind the last blank line; 0: there is none. */
function endOfLast(bytes: Buffer): number {
  const ends = BLANK_LINES.map((line) => {
    const index = bytes.lastIndexOf(line);
    return index < 0 ? 0 : index + line.length;
  });
  return Math.max(...ends);
}

function viewOf(bytes: Bytes): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

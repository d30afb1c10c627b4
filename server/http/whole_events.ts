/**
 * Lets a stream's events through as wholes. Nodes cut their frames wherever they like; what the
 * gateway itself says between two events (a comment, an error) must never fall into one.
 */

/** The beginning of an event is kept back up to so many bytes; a longer one goes out in parts. */
const MAX_HELD_BYTES = 64 * 1024;

const LF = 0x0a;
const BLANK_LINES = ["\n\n", "\r\n\r\n", "\r\r"];
const LONGEST_BLANK_LINE = 4;

type Bytes = Uint8Array;

export class WholeEvents {
  /** The beginning of an event whose rest is still to come. */
  #held: Bytes | null = null;
  #isCut = false;

  constructor(private readonly pass: (events: string | Bytes) => void) {}

  /** Whether the last event that was let through goes on in what is still to come. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Lets through what may go out now of what came. Text is whole events by itself. */
  take(came: string | Bytes): void {
    // Nearly always: looking at two bytes is all that it costs.
    if (typeof came === "string" || (this.#held === null && endsWhole(came))) {
      this.#isCut = false;
      return this.pass(came);
    }
    const bytes = viewOf(came);
    const rest = this.#held === null ? bytes : this.#complete(this.#held, bytes);
    if (rest.byteLength > 0) this.#cut(rest);
  }

  /** The beginning of an event that will never be whole, if there is one; it is kept no longer. */
  rest(): Bytes | null {
    const rest = this.#held;
    this.#held = null;
    return rest;
  }

  /** Lets the event through that has begun, once it is whole. Returns what came behind it. */
  #complete(held: Bytes, came: Buffer): Buffer {
    const end = endOfFirst(held, came);
    this.#held = end === null ? Buffer.concat([held, came]) : null;
    if (end !== null) this.pass(Buffer.concat([held, came.subarray(0, end)]));
    else if (this.#held!.byteLength > MAX_HELD_BYTES) {
      this.pass(this.rest()!);
      this.#isCut = true;
    }
    return came.subarray(end ?? came.byteLength);
  }

  #cut(bytes: Buffer): void {
    const end = endOfLast(bytes);
    const isInside = this.#isCut && end === 0;
    if (isInside || bytes.byteLength - end > MAX_HELD_BYTES) {
      this.#isCut = true;
      return this.pass(bytes);
    }
    this.#isCut = false;
    if (end > 0) this.pass(bytes.subarray(0, end));
    // A copy: a view would keep all of its frame for as long as the caller stalls.
    if (end < bytes.byteLength) this.#held = Uint8Array.from(bytes.subarray(end));
  }
}

function endsWhole(bytes: Bytes): boolean {
  const { length } = bytes;
  return bytes[length - 1] === LF && bytes[length - 2] === LF;
}

/** Where, in what came, the event ends that was held; null: not yet. An empty line may lie across the seam. */
function endOfFirst(held: Bytes, came: Buffer): number | null {
  const before = held.subarray(1 - LONGEST_BLANK_LINE);
  const seam = Buffer.concat([before, came.subarray(0, LONGEST_BLANK_LINE - 1)]);
  const across = firstEndIn(seam);
  return across === null ? firstEndIn(came) : across - before.byteLength;
}

/** Behind the first empty line; null: there is none. */
function firstEndIn(bytes: Buffer): number | null {
  const ends = BLANK_LINES.flatMap((line) => {
    const at = bytes.indexOf(line);
    return at < 0 ? [] : [at + line.length];
  });
  return ends.length === 0 ? null : Math.min(...ends);
}

/** Behind the last empty line; 0: there is none. */
function endOfLast(bytes: Buffer): number {
  const ends = BLANK_LINES.map((line) => {
    const at = bytes.lastIndexOf(line);
    return at < 0 ? 0 : at + line.length;
  });
  return Math.max(...ends);
}

function viewOf(bytes: Bytes): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

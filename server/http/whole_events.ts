/**
 * Lets a stream's events through as wholes. Nodes cut their frames wherever they like; what the
 * gateway itself says between two events (a comment, an error) must never fall into one.
 */

/** The beginning of an event is kept back up to so many bytes; a longer one goes out in parts. */
const MAX_HELD_BYTES = 64 * 1024;

const LF = 0x0a;
const BLANK_LINES = ["\n\n", "\r\n\r\n", "\r\r"];

type Bytes = Uint8Array;

export class WholeEvents {
  /** The beginning of an event whose rest is still to come. */
  #held: Bytes | null = null;
  #isCut = false;

  /** Whether the last event that was let through goes on in what is still to come. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** What may go out now of what came; null: nothing yet. Text is whole events by itself. */
  take(came: string | Bytes): string | Bytes | null {
    // Nearly always: looking at two bytes is all that it costs.
    if (this.#held === null && endsWhole(came)) {
      this.#isCut = false;
      return came;
    }
    return this.#cut(joined(this.#held, came));
  }

  /** The beginning of an event that will never be whole, if there is one; it is kept no longer. */
  rest(): Bytes | null {
    const rest = this.#held;
    this.#held = null;
    return rest;
  }

  #cut(bytes: Buffer): Bytes | null {
    const end = endOfEvents(bytes);
    const isTooLong = bytes.byteLength - end > MAX_HELD_BYTES;
    const isInside = this.#isCut && end === 0;
    if (isTooLong || isInside) {
      this.#held = null;
      this.#isCut = true;
      return bytes;
    }
    this.#held = end === bytes.byteLength ? null : bytes.subarray(end);
    if (end === 0) return null;
    this.#isCut = false;
    return bytes.subarray(0, end);
  }
}

function endsWhole(came: string | Bytes): boolean {
  if (typeof came === "string") return true;
  const { length } = came;
  return came[length - 1] === LF && came[length - 2] === LF;
}

function joined(held: Bytes | null, came: string | Bytes): Buffer {
  const bytes = typeof came === "string" ? Buffer.from(came) : viewOf(came);
  return held === null ? bytes : Buffer.concat([held, bytes]);
}

/** Behind the last empty line; 0: there is none. */
function endOfEvents(bytes: Buffer): number {
  const ends = BLANK_LINES.map((line) => {
    const at = bytes.lastIndexOf(line);
    return at < 0 ? 0 : at + line.length;
  });
  return Math.max(...ends);
}

function viewOf(bytes: Bytes): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

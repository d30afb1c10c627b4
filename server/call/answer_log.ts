/** The bytes of an answer, kept for callers who come back; the events of a stream are numbered from 1. */

const FIRST_BYTES = 4 * 1024;
/** What the place of an event takes. */
const BYTES_PER_EVENT = 8;

const LF = 0x0a;
const BLANK_LINES = ["\n\n", "\r\n\r\n", "\r\r"];
const NOTHING = Buffer.alloc(0);

export class AnswerLog {
  #bytes: Buffer = NOTHING;
  #length = 0;
  /** Where each event ends. */
  #ends: number[] = [];

  /** `reserve` counts so many bytes more of memory, or fewer; false: there is no room for them. */
  constructor(
    private readonly maxBytes: number,
    private readonly reserve: (bytes: number) => boolean,
  ) {}

  get length(): number {
    return this.#length;
  }

  get events(): number {
    return this.#ends.length;
  }

  /** Where each event ends. */
  get ends(): readonly number[] {
    return this.#ends;
  }

  /** The memory that is counted. */
  get reservedBytes(): number {
    return this.#bytes.length + BYTES_PER_EVENT * this.#ends.length;
  }

  /** Adds bytes, in which events end at `ends`. False: there is no room, and nothing was added. */
  append(piece: Buffer, ends: readonly number[] = []): boolean {
    const length = this.#length + piece.length;
    const events = BYTES_PER_EVENT * ends.length;
    if (length + BYTES_PER_EVENT * (this.#ends.length + ends.length) > this.maxBytes) return false;
    const grown = length <= this.#bytes.length
      ? this.#bytes.length
      : Math.min(Math.max(FIRST_BYTES, 2 * this.#bytes.length, length), this.maxBytes);
    if (!this.reserve(grown - this.#bytes.length + events)) return false;
    if (grown > this.#bytes.length) {
      // What was given away is a view on the smaller memory, in which nothing changes any more.
      const larger = Buffer.allocUnsafeSlow(grown);
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    piece.copy(this.#bytes, this.#length);
    for (const end of ends) this.#ends.push(this.#length + end);
    this.#length = length;
    return true;
  }

  /** A view on what follows a position, at most so many bytes. */
  from(position: number, maxBytes = Infinity): Buffer {
    return this.#bytes.subarray(position, Math.min(this.#length, position + maxBytes));
  }

  /** Where the event of that number ends; 0: before the first. */
  endOf(event: number): number {
    return event === 0 ? 0 : this.#ends[event - 1] ?? this.#length;
  }

  /** How many events lie before the position. */
  eventsBefore(position: number): number {
    let [low, high] = [0, this.#ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ends[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The text of an event. */
  event(number: number): string {
    return this.#bytes.subarray(this.endOf(number - 1), this.endOf(number)).toString();
  }

  /** Frees the memory. */
  drop(): void {
    this.reserve(-this.reservedBytes);
    this.#bytes = NOTHING;
    this.#length = 0;
    this.#ends = [];
  }
}

/** Puts `id: N` before each event. */
export class EventNumbers {
  #last = 0;
  /** Whether the beginning of an event was given whose end is still to come. */
  #isInside = false;

  /** The piece with numbers, and where in it events end. */
  number(piece: string | Uint8Array): { bytes: Buffer; ends: number[] } {
    const plain = typeof piece === "string"
      ? Buffer.from(piece)
      : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const parts: Buffer[] = [];
    const ends: number[] = [];
    let length = 0;
    const add = (part: Buffer) => {
      parts.push(part);
      length += part.length;
    };
    for (let at = 0; at < plain.length;) {
      const end = endOfEvent(plain, at);
      if (!this.#isInside) add(Buffer.from(`id: ${++this.#last}\n`));
      add(plain.subarray(at, end ?? plain.length));
      this.#isInside = end === null;
      if (end !== null) ends.push(length);
      at = end ?? plain.length;
    }
    return { bytes: Buffer.concat(parts, length), ends };
  }
}

/** The index behind the event that begins at `from`, with all line breaks that follow it; null: it does not end here. */
function endOfEvent(bytes: Buffer, from: number): number | null {
  let found: number | null = null;
  for (const line of BLANK_LINES) {
    const index = bytes.indexOf(line, from);
    if (index >= 0 && (found === null || index + line.length < found)) found = index + line.length;
  }
  while (found !== null && bytes[found] === LF) found++;
  return found;
}

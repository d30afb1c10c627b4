/** Calls' bodies on their way to a node: in pieces, no more of them under way than what may overtake them has time for. */

import { encodeBody, HEADER_BYTES, MAX_CONTROL_BYTES, type Room } from "../../protocol/mod.ts";

/** What goes out in one frame, and how much may be under way: a CANCEL waits behind no more. */
export const PIECE_BYTES = 128 * 1024;
export const UNDER_WAY_BYTES = 4 * PIECE_BYTES;

const room = new Uint8Array(HEADER_BYTES + MAX_CONTROL_BYTES + PIECE_BYTES);

/**
 * The memory of every frame that goes to a node with a piece of a body: sockets copy what they keep.
 * Fresh memory for each long prompt would cost more than to check the prompt.
 */
export const sharedRoom: Room = (bytes) =>
  bytes <= room.byteLength ? room.subarray(0, bytes) : new Uint8Array(bytes);

/** What an Outbox needs of its link. */
export interface Wire {
  /** Sends a frame that must not be lost; takes a copy of what it keeps. */
  say(frame: Uint8Array): void;
  /** The node gives the text back when it has read all that was sent before. */
  ping(text: string): void;
}

interface Rest {
  readonly stream: number;
  bytes: Uint8Array;
}

/**
 * The kernel takes megabytes at once, and whatever is sent then stands behind them. So a ping follows
 * every piece: it says how much was sent before it, and its pong that this has arrived.
 */
export class Outbox {
  /** Bodies that were begun, in the order of their turns. */
  #rests: Rest[] = [];
  #waitingBytes = 0;
  #sentBytes = 0;
  #pingedBytes = 0;
  #arrivedBytes = 0;

  constructor(private readonly wire: Wire, private readonly underWayBytes = UNDER_WAY_BYTES) {}

  /** Of bodies that have begun, what was not sent. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** How much of a new body may go with its CALL, which is to be sent at once. */
  take(body: Uint8Array): Uint8Array {
    const first = body.subarray(0, this.#mayGo ? PIECE_BYTES : 0);
    this.#sentBytes += first.byteLength;
    return first;
  }

  /** Sends the rest of a body as it may go. */
  add(stream: number, bytes: Uint8Array): void {
    if (bytes.byteLength > 0) {
      this.#rests.push({ stream, bytes });
      this.#waitingBytes += bytes.byteLength;
    }
    this.#send();
  }

  /** Nobody waits for the rest of this stream's body any more. */
  drop(stream: number): void {
    if (this.#rests.length === 0) return;
    this.#rests = this.#rests.filter((rest) => {
      if (rest.stream === stream) this.#waitingBytes -= rest.bytes.byteLength;
      return rest.stream !== stream;
    });
  }

  /** What every ping of the link says, so that any pong tells what has arrived. */
  get mark(): string {
    this.#pingedBytes = this.#sentBytes;
    return String(this.#sentBytes);
  }

  /** A pong has come with a mark. */
  arrived(mark: string): void {
    const bytes = Number(mark);
    if (!(bytes > this.#arrivedBytes && bytes <= this.#sentBytes)) return;
    this.#arrivedBytes = bytes;
    this.#send();
  }

  get #mayGo(): boolean {
    return this.#sentBytes - this.#arrivedBytes < this.underWayBytes;
  }

  #send(): void {
    this.#askWhenDue();
    for (let rest; this.#mayGo && (rest = this.#rests.shift()) !== undefined;) {
      const piece = rest.bytes.subarray(0, PIECE_BYTES);
      this.wire.say(encodeBody(rest.stream, piece, sharedRoom));
      this.#sentBytes += piece.byteLength;
      this.#waitingBytes -= piece.byteLength;
      rest.bytes = rest.bytes.subarray(piece.byteLength);
      if (rest.bytes.byteLength > 0) this.#rests.push(rest);
      this.#askWhenDue();
    }
  }

  /** Small bodies share a ping. Without one, what waits would wait for ever. */
  #askWhenDue(): void {
    const unaskedBytes = this.#sentBytes - this.#pingedBytes;
    const isDue = unaskedBytes >= PIECE_BYTES || (unaskedBytes > 0 && this.#rests.length > 0);
    if (isDue) this.wire.ping(this.mark);
  }
}

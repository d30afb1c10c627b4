/** Sends the bodies of calls to a node in pieces, few at a time, so that a CANCEL or the next call is not stuck behind them. */

import { encodeBody, HEADER_BYTES, MAX_CONTROL_BYTES, type Room } from "../../protocol/mod.ts";

/** Body bytes in one frame, and body bytes that may be in flight: the most that a CANCEL waits behind. */
export const PIECE_BYTES = 128 * 1024;
export const UNDER_WAY_BYTES = 4 * PIECE_BYTES;

const room = new Uint8Array(HEADER_BYTES + MAX_CONTROL_BYTES + PIECE_BYTES);

/**
 * One buffer for every frame with a piece of a body, because sockets copy what they keep: fresh
 * memory for each long prompt would cost more than parsing the prompt.
 */
export const sharedRoom: Room = (bytes) =>
  bytes <= room.byteLength ? room.subarray(0, bytes) : new Uint8Array(bytes);

/** What an Outbox needs of its link. */
export interface Wire {
  /** Sends a frame that must not be lost. Copies what it keeps. */
  send(frame: Uint8Array): void;
  /** The node returns the text once it has read everything sent before. */
  ping(text: string): void;
}

interface Rest {
  readonly stream: number;
  bytes: Uint8Array;
}

/**
 * The kernel's send buffer takes megabytes at once, and every later frame waits behind them. So pings
 * follow the pieces: a ping carries how much was sent before it, and its pong proves the arrival.
 */
export class Outbox {
  /** What is unsent of each body that was begun, in the order of their turns. */
  #rests: Rest[] = [];
  #waitingBytes = 0;
  #sentBytes = 0;
  #pingedBytes = 0;
  #arrivedBytes = 0;

  constructor(private readonly wire: Wire, private readonly underWayBytes = UNDER_WAY_BYTES) {}

  /** Unsent bytes of the bodies that were begun. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** The part of a new body that may go with its CALL. The CALL must be sent at once. */
  take(body: Uint8Array): Uint8Array {
    const isWhole = this.#maySend && body.byteLength <= PIECE_BYTES;
    const first = isWhole ? body : body.subarray(0, this.#maySend ? PIECE_BYTES : 0);
    this.#sentBytes += first.byteLength;
    return first;
  }

  /** Sends a body from `sentBytes` on, as fast as the node receives it. */
  add(stream: number, body: Uint8Array, sentBytes: number): void {
    if (body.byteLength > sentBytes) {
      const bytes = body.subarray(sentBytes);
      this.#rests.push({ stream, bytes });
      this.#waitingBytes += bytes.byteLength;
    }
    this.#send();
  }

  /** Drops the rest of the stream's body. */
  drop(stream: number): void {
    if (this.#rests.length === 0) return;
    this.#rests = this.#rests.filter((rest) => {
      if (rest.stream === stream) this.#waitingBytes -= rest.bytes.byteLength;
      return rest.stream !== stream;
    });
  }

  /** The link was lost, with all that was in flight: bodies start over on the next one. */
  reset(): void {
    this.#rests = [];
    this.#waitingBytes =
      this.#sentBytes =
      this.#pingedBytes =
      this.#arrivedBytes =
        0;
  }

  /** The text for every ping of the link, so that every pong proves what has arrived. */
  get mark(): string {
    this.#pingedBytes = this.#sentBytes;
    return String(this.#sentBytes);
  }

  /** Called with the text of a pong. */
  arrived(mark: string): void {
    const bytes = Number(mark);
    if (!(bytes > this.#arrivedBytes && bytes <= this.#sentBytes)) return;
    this.#arrivedBytes = bytes;
    this.#send();
  }

  get #maySend(): boolean {
    return this.#sentBytes - this.#arrivedBytes < this.underWayBytes;
  }

  #send(): void {
    this.#pingWhenDue();
    for (let rest; this.#maySend && (rest = this.#rests.shift()) !== undefined;) {
      const piece = rest.bytes.subarray(0, PIECE_BYTES);
      this.wire.send(encodeBody(rest.stream, piece, sharedRoom));
      this.#sentBytes += piece.byteLength;
      this.#waitingBytes -= piece.byteLength;
      rest.bytes = rest.bytes.subarray(piece.byteLength);
      if (rest.bytes.byteLength > 0) this.#rests.push(rest);
      this.#pingWhenDue();
    }
  }

  /** Small bodies share a ping. While a body waits, a ping must be in flight: its pong sends the next piece. */
  #pingWhenDue(): void {
    const unmarkedBytes = this.#sentBytes - this.#pingedBytes;
    const isDue = unmarkedBytes >= PIECE_BYTES || (unmarkedBytes > 0 && this.#rests.length > 0);
    if (isDue) this.wire.ping(this.mark);
  }
}

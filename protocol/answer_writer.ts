/**
 * The answering side of wire v2, for one call: status once, the body in frames as far as credit
 * goes, then one last frame. Nodes answer gateways with it, and gateways answer each other.
 */

import { encodeJson, encodePack, encodeStreamV2 } from "./codec_v2.ts";
import {
  type Failure,
  type Finish,
  FrameTypeV2,
  type Head,
  HEADER_BYTES,
  type StreamState,
} from "./frame_v2.ts";
import { SendBuffer } from "./send_buffer.ts";

/** What the gateway that receives the answer allows. */
export interface AnswerTerms {
  /** STREAM bytes that may be sent before the first CREDIT. */
  windowBytes: number;
  maxFrameBytes: number;
  /** Whether frames may leave together, in a PACK. */
  takesPacks: boolean;
  /** Whether a lost link may be resumed: what was not acknowledged is kept. Absent: it is not. */
  isResumable?: boolean;
}

export interface FrameSink {
  send(frame: Uint8Array<ArrayBuffer>): void;
}

/** Larger frames leave as messages of their own: copying them into a PACK costs more than that saves. */
const MAX_PACK_BYTES = 16 * 1024;

export class AnswerWriter {
  #head: Head = DEFAULT_HEAD;
  #hasSentHead = false;
  readonly #unsent = new SendBuffer();
  /** Sent once the whole body is sent. */
  #lastFrame: Uint8Array<ArrayBuffer> | null = null;
  #isEnded = false;
  #isDiscarded = false;
  /** STREAM bytes that may still be sent. */
  #credit: number;
  readonly #maxDataBytes: number;
  /** Frames of one flush, where the receiver takes packs. */
  readonly #batch: Uint8Array<ArrayBuffer>[] = [];
  /** STREAM frames that may have to be sent again, whole: keeping them copies nothing. */
  #kept: Uint8Array<ArrayBuffer>[] = [];
  /** How many bytes of the body came before those that are kept, and were sent in all. */
  #keptFromBytes = 0;
  #sentBytes = 0;
  #grantedBytes = 0;
  /** The last frame, once it was sent. */
  #sentLast: Uint8Array<ArrayBuffer> | null = null;

  /** `onEnd` is called once, after the last frame was sent. */
  constructor(
    private readonly stream: number,
    private readonly terms: AnswerTerms,
    private readonly sink: FrameSink,
    private readonly onEnd: () => void,
  ) {
    this.#credit = terms.windowBytes;
    this.#maxDataBytes = terms.maxFrameBytes - HEADER_BYTES;
  }

  /** Whether the receiver knows, or will know, a status: it is too late to answer with another. */
  get hasBegun(): boolean {
    return this.#hasSentHead || this.#unsent.bytes > 0;
  }

  /** Body bytes that wait for credit, or for the next flush. */
  get unsentBytes(): number {
    return this.#unsent.bytes;
  }

  /** Body bytes in memory: unsent ones, and those that the receiver may not have. */
  get keptBytes(): number {
    return this.#unsent.bytes + this.#sentBytes - this.#keptFromBytes;
  }

  /** Whether more bytes wait than there is credit for. */
  get isHeldBack(): boolean {
    return this.#unsent.bytes > this.#credit;
  }

  /** Replaces the status and the headers that are sent before the first byte of the body; 200 and none otherwise. */
  setHead(head: Head): void {
    if (!this.#hasSentHead) this.#head = head;
  }

  /** Sends the head without waiting for the body. */
  sendHead(): void {
    if (this.#isEnded) return;
    this.#addHead();
    this.#leave();
  }

  /** Sends bytes of the body as far as credit goes, and keeps the rest until there is more. */
  write(bytes: Uint8Array): void {
    const size = bytes.byteLength;
    if (size === 0 || this.#isClosed) return;
    if (this.#unsent.bytes > 0 || size > Math.min(this.#credit, this.#maxDataBytes)) {
      this.#unsent.add(bytes);
      return this.flush();
    }
    this.#addData(bytes);
    this.#leave();
  }

  /** Keeps bytes of the body for the next flush, so that small pieces share a frame. */
  queue(bytes: Uint8Array): void {
    if (!this.#isClosed) this.#unsent.add(bytes);
  }

  /** Sends what is kept, as far as credit goes. */
  flush(): void {
    while (this.#unsent.bytes > 0 && this.#credit > 0) {
      const size = Math.min(this.#unsent.bytes, this.#credit, this.#maxDataBytes);
      this.#addData(this.#unsent.take(size));
    }
    const last = this.#lastFrame;
    if (last === null || this.#unsent.bytes > 0) return this.#leave();
    this.#lastFrame = null;
    // Without a HEAD the receiver would take FINISH, and the tally in it, for a breach of the protocol.
    if (this.#isDiscarded && last[0] === FrameTypeV2.finish) this.#addHead();
    this.#add(last);
    this.#leave();
    if (this.#sentLast !== null) return;
    if (this.terms.isResumable) this.#sentLast = last;
    this.onEnd();
  }

  /** The receiver takes so many more bytes of the body. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.#grantedBytes += bytes;
    this.#forgetBefore(this.#grantedBytes);
    this.flush();
  }

  /**
   * The link was lost and is back: sends what has not arrived, which `state` tells. False: no answer
   * of this writer can have come so far, so that nothing was sent.
   */
  resume({ receivedBytes, grantedBytes, hasHead }: StreamState): boolean {
    const isPossible = receivedBytes <= this.#sentBytes && receivedBytes >= this.#keptFromBytes &&
      grantedBytes <= receivedBytes && grantedBytes >= this.#grantedBytes &&
      (hasHead ? this.#hasSentHead : receivedBytes === 0);
    if (!isPossible) return false;
    this.#forgetBefore(receivedBytes);
    this.#grantedBytes = grantedBytes;
    this.#credit = this.terms.windowBytes + grantedBytes - this.#sentBytes;
    const hadHead = this.#hasSentHead;
    this.#hasSentHead = hasHead;
    if (hadHead) this.#addHead();
    if (!this.#isDiscarded) this.#addKept(receivedBytes);
    this.#lastFrame ??= this.#sentLast;
    this.flush();
    return true;
  }

  /** Nothing more is sent, whatever is written. */
  abandon(): void {
    this.#isEnded = this.#isDiscarded = true;
    this.#lastFrame = this.#sentLast = null;
    this.#unsent.clear();
    this.#kept = [];
    this.#keptFromBytes = this.#sentBytes;
  }

  /** The receiver wants no more of the body: drops what was not sent and what is still written. */
  discard(): void {
    this.#isDiscarded = true;
    this.#unsent.clear();
    this.flush();
  }

  /** Ends the answer with FINISH. Only the first ending counts. */
  finish(tally: Finish): void {
    if (!this.#isEnded) this.#end(encodeJson("finish", this.stream, tally));
  }

  /** Ends the answer with ERROR. Only the first ending counts. */
  fail(failure: Failure): void {
    if (!this.#isEnded) this.#end(encodeJson("error", this.stream, failure));
  }

  /** Whether nothing more of a body is taken. */
  get #isClosed(): boolean {
    return this.#isEnded || this.#isDiscarded;
  }

  #end(lastFrame: Uint8Array<ArrayBuffer>): void {
    this.#isEnded = true;
    this.#lastFrame = lastFrame;
    this.flush();
  }

  #addData(bytes: Uint8Array): void {
    this.#addHead();
    this.#credit -= bytes.byteLength;
    const frame = encodeStreamV2(this.stream, bytes);
    if (this.terms.isResumable) {
      this.#kept.push(frame);
      this.#sentBytes += bytes.byteLength;
    }
    this.#add(frame);
  }

  /** The frames that are kept, from this byte of the body on. */
  #addKept(fromBytes: number): void {
    const [first, ...others] = this.#kept;
    if (first === undefined) return;
    const arrived = fromBytes - this.#keptFromBytes;
    this.#add(
      arrived === 0 ? first : encodeStreamV2(this.stream, first.subarray(HEADER_BYTES + arrived)),
    );
    for (const frame of others) this.#add(frame);
  }

  /** Drops the frames that lie before this byte of the body. */
  #forgetBefore(bytes: number): void {
    let whole = 0;
    for (const frame of this.#kept) {
      const end = this.#keptFromBytes + frame.byteLength - HEADER_BYTES;
      if (end > bytes) break;
      this.#keptFromBytes = end;
      whole++;
    }
    if (whole > 0) this.#kept.splice(0, whole);
  }

  #addHead(): void {
    if (this.#hasSentHead) return;
    this.#hasSentHead = true;
    this.#add(encodeJson("head", this.stream, this.#head));
  }

  #add(frame: Uint8Array<ArrayBuffer>): void {
    if (this.terms.takesPacks) this.#batch.push(frame);
    else this.sink.send(frame);
  }

  /** Sends the batch, if possible as one message: each message costs both ends a system call. */
  #leave(): void {
    const { length } = this.#batch;
    if (length === 0) return;
    if (length === 1) return this.sink.send(this.#batch.pop()!);
    const frames = this.#batch.splice(0);
    const pack = encodePack(frames, Math.min(MAX_PACK_BYTES, this.terms.maxFrameBytes));
    for (const message of pack === null ? frames : [pack]) this.sink.send(message);
  }
}

const DEFAULT_HEAD: Head = { status: 200, headers: {} };

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
  WINDOW_BYTES,
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
  /** Bounds what all answers of one sender keep together. Absent: each keeps as much as its window. */
  readAhead?: ReadAheadBudget;
}

/**
 * What answers may keep beyond a floor of their own. An answer that finds nothing left has a window as
 * small as the floor, so that what all of them keep is at most the budget and a floor for each.
 */
export interface ReadAheadBudget {
  /** May be negative after the budget was made smaller. */
  readonly freeBytes: number;
  /** Takes so many bytes of the budget; gives them back where they are negative. */
  take(bytes: number): void;
}

export interface FrameSink {
  send(frame: Uint8Array<ArrayBuffer>): void;
}

/** Larger frames leave as messages of their own: copying them into a PACK costs more than that saves. */
const MAX_PACK_BYTES = 16 * 1024;

/**
 * A receiver grants what was taken once it is half of its window, which is half of the largest window
 * at most: a sender that keeps less than this unacknowledged would wait for ever.
 */
const MIN_WINDOW_BYTES = WINDOW_BYTES / 2;

export class AnswerWriter {
  #head: Head = DEFAULT_HEAD;
  #hasSentHead = false;
  readonly #unsent = new SendBuffer();
  /** Sent once the whole body is sent. */
  #lastFrame: Uint8Array<ArrayBuffer> | null = null;
  #isEnded = false;
  #isDiscarded = false;
  /** STREAM bytes that the receiver's window still takes. */
  #credit: number;
  /** With less credit than this, the answer needs some of the budget. */
  readonly #freeOfBudgetCredit: number;
  readonly #budget: ReadAheadBudget | null;
  /** Bytes of the budget that it has. */
  #budgetBytes = 0;
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
    this.#budget = terms.isResumable && terms.readAhead ? terms.readAhead : null;
    this.#freeOfBudgetCredit = Math.max(0, terms.windowBytes - MIN_WINDOW_BYTES);
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

  /** Whether more bytes wait than may be sent now. */
  get isHeldBack(): boolean {
    return this.#unsent.bytes > this.#sendableBytes;
  }

  /** STREAM bytes that may be sent now. */
  get #sendableBytes(): number {
    if (this.#budget === null) return this.#credit;
    const floorBytes = this.#credit - this.#freeOfBudgetCredit + this.#budgetBytes;
    return Math.min(this.#credit, Math.max(0, floorBytes + Math.max(0, this.#budget.freeBytes)));
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
    if (this.#unsent.bytes > 0 || size > Math.min(this.#sendableBytes, this.#maxDataBytes)) {
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
    while (this.#unsent.bytes > 0) {
      const size = Math.min(this.#unsent.bytes, this.#sendableBytes, this.#maxDataBytes);
      if (size <= 0) break;
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
    this.#settleBudget();
    this.flush();
  }

  /**
   * The link was lost and is back: sends what has not arrived according to `state`. False, and nothing
   * was sent: `state` contradicts what this writer has sent.
   */
  resume({ receivedBytes, grantedBytes, hasHead }: StreamState): boolean {
    const isPossible = receivedBytes <= this.#sentBytes && receivedBytes >= this.#keptFromBytes &&
      grantedBytes <= receivedBytes && grantedBytes >= this.#grantedBytes &&
      (hasHead ? this.#hasSentHead : receivedBytes === 0);
    if (!isPossible) return false;
    this.#forgetBefore(receivedBytes);
    this.#grantedBytes = grantedBytes;
    this.#credit = this.terms.windowBytes + grantedBytes - this.#sentBytes;
    this.#settleBudget();
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
    this.forget();
  }

  /** Keeps nothing any more: the receiver has the whole answer, or will not ask for it again. */
  forget(): void {
    this.#kept = [];
    this.#keptFromBytes = this.#sentBytes;
    this.#budget?.take(-this.#budgetBytes);
    this.#budgetBytes = 0;
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
    if (this.#credit < this.#freeOfBudgetCredit) this.#settleBudget();
    const frame = encodeStreamV2(this.stream, bytes);
    if (this.terms.isResumable) this.#keep(frame, bytes.byteLength);
    this.#add(frame);
  }

  /** Credit that was granted before it was used acknowledges what is sent with it. */
  #keep(frame: Uint8Array<ArrayBuffer>, bytes: number): void {
    this.#sentBytes += bytes;
    if (this.#sentBytes <= this.#grantedBytes) this.#keptFromBytes = this.#sentBytes;
    else this.#kept.push(frame);
  }

  /** Takes as much of the budget as the answer has sent beyond its floor. */
  #settleBudget(): void {
    if (this.#budget === null) return;
    const neededBytes = Math.max(0, this.#freeOfBudgetCredit - this.#credit);
    if (neededBytes === this.#budgetBytes) return;
    this.#budget.take(neededBytes - this.#budgetBytes);
    this.#budgetBytes = neededBytes;
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

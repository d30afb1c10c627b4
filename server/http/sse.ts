/** A server-sent-events body that is written into, notices slow and vanished readers, and keeps quiet streams alive. */

import type { Clock } from "../base/clock.ts";
import { WholeEvents } from "./whole_events.ts";

export interface SseLimits {
  /** A comment is sent when nothing else was for this long. */
  keepAliveMs: number;
  /** A reader that takes nothing for this long is too slow. */
  stallMs: number;
  /** So much is held for a reader that stalls, in bytes. */
  maxBufferedBytes: number;
}

/** What the body reports of its reader, and asks about it. */
export interface SseReader {
  /** Takes nothing for too long, or too much is held for it. */
  tooSlow(): void;
  /** Takes again after a stall. */
  drained(): void;
  gone(): void;
  /** The body is about to end: all was taken, or nothing more is waited for. */
  ending?(): void;
  /** What changes whenever the reader's machine has taken some more; null, or no such question: nobody knows. */
  progress?(): Promise<string | null>;
}

/** How often, in its time, a reader that stalls is asked after. */
const LOOKS_PER_STALL = 3;

/** What Bun's direct streams hand to `pull`. A write that the socket cannot take returns a promise. */
interface DirectController {
  write(chunk: string | Uint8Array): number | Promise<number>;
  end(): void;
}

/** Parsers in the field take `: ping` for the end of a stream; this spelling is safe. */
const KEEP_ALIVE = ": keep-alive\n\n";

/** So much is kept of what was written last, in bytes or characters. */
const MAX_LAST = 16 * 1024;

const NOTHING = (): void => {};

/** Ends whatever event has begun. */
const BLANK_LINE = "\n\n";

export class SseBody {
  /** The body for a Response. Direct streams cost the least of Bun's ways to write one. */
  readonly stream: ReadableStream;
  /** Of the answer: comments, errors and the end's mark are none of it. */
  deliveredBytes = 0;
  deliveredChunks = 0;
  #controller: DirectController | null = null;
  /** Written before the reader has asked for anything. */
  #early: (string | Uint8Array)[] = [];
  readonly #events = new WholeEvents((events) => this.#write(events));
  #last: string | Uint8Array = "";
  #isEnded = false;
  /** Whether the reader has its end, or is gone. */
  #isClosed = false;
  /** Of what counts as delivered, held for a reader that takes nothing at the moment. */
  #stalledBytes = 0;
  #stalledChunks = 0;
  /** A reader that has not asked yet takes nothing either. */
  #isStalled = true;
  #writtenMs: number;
  #cancelKeepAlive = NOTHING;
  #cancelStall = NOTHING;
  #finishPull = NOTHING;

  constructor(
    private readonly clock: Clock,
    private readonly limits: SseLimits,
    private readonly reader: SseReader,
    /** Whether `last` will be asked for. */
    private readonly keepsLast = false,
  ) {
    this.#writtenMs = clock.monotonic();
    const source = {
      type: "direct",
      pull: (controller: DirectController) => this.#pulled(controller),
      cancel: () => {
        this.#close();
        reader.gone();
      },
    };
    // Direct sources are Bun's own; other runtimes' types do not know them.
    this.stream = new ReadableStream(
      source as unknown as ConstructorParameters<typeof ReadableStream>[0],
    );
    this.#keepAliveAfter(limits.keepAliveMs);
    this.#watchStall();
  }

  /** Writes a piece of the answer, cut wherever it may be; of an event that is not whole yet, nothing. */
  write(piece: string | Uint8Array): void {
    if (!this.#isEnded) this.#events.take(piece);
  }

  #write(events: string | Uint8Array): void {
    if (this.keepsLast) this.#last = endOf(events);
    const bytes = byteLength(events);
    this.deliveredBytes += bytes;
    this.deliveredChunks++;
    // What is first of all is held against nobody, however large it is: no reader could ask for it yet.
    const isFirst = this.#controller === null && this.#early.length === 0;
    if (this.#isStalled && !isFirst) {
      this.#stalledBytes += bytes;
      this.#stalledChunks++;
      if (this.#stalledBytes > this.limits.maxBufferedBytes) return this.reader.tooSlow();
    }
    this.#put(events);
  }

  /** Writes an event that is no part of the answer. */
  remark(event: string): void {
    if (!this.#isEnded) this.#put(event);
  }

  /** The end of what was written last of the answer. */
  get last(): string | Uint8Array {
    return this.#last;
  }

  /** There is no more of the answer: what a reader has not taken by now was not delivered. */
  breakOff(lastEvent: string): void {
    this.#events.rest();
    // A reader that has not asked yet will get what is early.
    if (this.#controller !== null) {
      this.deliveredBytes -= this.#stalledBytes;
      this.deliveredChunks -= this.#stalledChunks;
    }
    this.#forgetStalled();
    this.remark(this.#events.isCut ? BLANK_LINE + lastEvent : lastEvent);
    this.#end();
  }

  /** Whether the reader takes nothing at the moment. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  comment(): void {
    if (!this.#isEnded && !this.#events.isCut) this.#put(KEEP_ALIVE);
  }

  /** The answer is complete: ends the stream with the mark of its dialect. Nothing can be written any more; harmless when called again. */
  end(mark = ""): void {
    if (this.#isEnded) return;
    const rest = this.#events.rest();
    if (rest !== null) this.#write(rest);
    if (rest !== null || this.#events.isCut) this.remark(BLANK_LINE);
    if (mark !== "") this.remark(mark);
    this.#end();
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelKeepAlive();
    // Else when the reader has taken all: a server that stops waits for nothing that has ended.
    if (!this.#isStalled) this.#endController();
  }

  #pulled(controller: DirectController): Promise<void> | void {
    this.#controller = controller;
    let held: Promise<number> | null = null;
    for (const text of this.#early.splice(0)) {
      const result = controller.write(text);
      if (result instanceof Promise) held = result;
    }
    const finished = new Promise<void>((resolve) => {
      this.#finishPull = resolve;
    });
    if (held === null) this.#resume();
    else this.#resumeAfter(held);
    return finished;
  }

  #put(text: string | Uint8Array): void {
    this.#writtenMs = this.clock.monotonic();
    if (this.#controller === null) {
      this.#early.push(text);
      return;
    }
    const result = this.#controller.write(text);
    // While the socket takes no more, the stream holds what is written, and says so each time.
    if (result instanceof Promise && !this.#isStalled) this.#stall(result);
  }

  #stall(drained: Promise<number>): void {
    this.#isStalled = true;
    this.#watchStall();
    this.#resumeAfter(drained);
  }

  /** One continuation a stall, not one a write. */
  #resumeAfter(drained: Promise<number>): void {
    const resume = () => this.#resume();
    drained.then(resume, resume);
  }

  #resume(): void {
    this.#isStalled = false;
    this.#forgetStalled();
    this.#cancelStall();
    // It holds the watch's timer and what that saw, which a reader that keeps up needs no more.
    this.#cancelStall = NOTHING;
    if (this.#isEnded) this.#endController();
    else this.reader.drained();
  }

  /**
   * A kernel that is full takes no more until there is room for megabytes again, which a slow reader
   * needs minutes for: it has lost its call only when its machine took nothing in all of its time.
   */
  #watchStall(before: string | null = null, quietMs = 0): void {
    const everyMs = this.limits.stallMs / LOOKS_PER_STALL;
    let isOver = false;
    const look = async () => {
      const seen = await this.reader.progress?.() ?? null;
      if (isOver) return;
      const hasMoved = seen !== null && before !== null && seen !== before;
      const nowQuietMs = hasMoved ? 0 : quietMs + everyMs;
      if (nowQuietMs < this.limits.stallMs) this.#watchStall(seen, nowQuietMs);
      else if (this.#isEnded) this.#endController();
      else this.reader.tooSlow();
    };
    const cancel = this.clock.after(everyMs, () => void look());
    this.#cancelStall = () => {
      isOver = true;
      cancel();
    };
  }

  #forgetStalled(): void {
    this.#stalledBytes = 0;
    this.#stalledChunks = 0;
  }

  /** One timer a silence: when it rings, it looks how long ago the last write was. */
  #keepAliveAfter(delayMs: number): void {
    this.#cancelKeepAlive = this.clock.after(delayMs, () => {
      const { keepAliveMs } = this.limits;
      const silentMs = this.clock.monotonic() - this.#writtenMs;
      if (silentMs < keepAliveMs) return this.#keepAliveAfter(keepAliveMs - silentMs);
      this.comment();
      this.#keepAliveAfter(keepAliveMs);
    });
  }

  #close(): void {
    this.#isClosed = true;
    this.#isEnded = true;
    this.#cancelKeepAlive();
    this.#cancelStall();
  }

  #endController(): void {
    if (this.#isClosed) return;
    this.#close();
    this.reader.ending?.();
    try {
      this.#controller?.end();
    } catch {
      // The reader is gone already; its going was reported through `cancel`.
    }
    this.#finishPull();
  }
}

/** A copy of it where it is long: a view would keep the whole. */
function endOf(events: string | Uint8Array): string | Uint8Array {
  return events.length <= MAX_LAST ? events : events.slice(-MAX_LAST);
}

/** What a text takes on the wire. */
export function byteLength(text: string | Uint8Array): number {
  return typeof text === "string" ? Buffer.byteLength(text) : text.byteLength;
}

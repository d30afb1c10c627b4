/** A body of server-sent events that is written piece by piece, notices slow and vanished readers, and keeps quiet streams alive. */

import { owned } from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import { WholeEvents } from "./whole_events.ts";

export interface SseLimits {
  /** After so long without a write, a comment is sent. */
  keepAliveMs: number;
  /** A reader that takes nothing for so long is too slow. */
  stallMs: number;
  /** How many bytes are held for a stalled reader. */
  maxBufferedBytes: number;
}

/** Receives what the body notices of its reader. */
export interface SseListener {
  /** The reader has taken nothing for too long, or too many bytes are held for it. */
  tooSlow(): void;
  /** The reader takes bytes again after a stall. */
  drained(): void;
  /** The reader has closed the connection. */
  gone(): void;
}

/** The connection that the body is sent on. */
export interface SseConnection {
  /** Called before the last bytes are handed over: earlier ones were taken, or are no longer waited for. */
  ending(): void;
  /** A value that changes whenever the reader's machine has taken more bytes; null: unknown. */
  progress(): Promise<string | null>;
}

/** How often a stalled reader's progress is read within `stallMs`. */
const LOOKS_PER_STALL = 3;

/** What Bun's direct streams pass to `pull`. `write` returns a promise when the socket cannot take the chunk. */
interface DirectController {
  write(chunk: string | Uint8Array): number | Promise<number>;
  end(): void;
}

/** Some parsers take `: ping` for the end of a stream; this spelling is safe. */
const KEEP_ALIVE = ": keep-alive\n\n";

/** How much is kept of what was last written, in bytes or characters. */
const MAX_LAST = 16 * 1024;

const NOTHING = (): void => {};

/** Ends an event that has begun. */
const BLANK_LINE = "\n\n";

export class SseBody {
  /** The body for a Response. A direct stream is the cheapest way in Bun to write one. */
  readonly stream: ReadableStream;
  /** Bytes and events of the answer; comments, errors and the end's mark are not counted. */
  deliveredBytes = 0;
  deliveredChunks = 0;
  #controller: DirectController | null = null;
  /** Written before the reader has asked for anything. */
  #early: (string | Uint8Array)[] = [];
  readonly #events = new WholeEvents((events) => this.#write(events));
  #last: string | Uint8Array = "";
  #isEnded = false;
  /** Whether the reader has the end, or is gone. */
  #isClosed = false;
  /** The part of what counts as delivered that is held for a stalled reader. */
  #stalledBytes = 0;
  #stalledChunks = 0;
  /** A reader that has not asked yet counts as stalled. */
  #isStalled = true;
  #writtenMs: number;
  #cancelKeepAlive = NOTHING;
  #cancelStall = NOTHING;
  #finishPull = NOTHING;

  constructor(
    private readonly clock: Clock,
    private readonly limits: SseLimits,
    private readonly listener: SseListener,
    private readonly connection: SseConnection | null = null,
    /** Whether `last` will be read. */
    private readonly keepsLast = false,
  ) {
    this.#writtenMs = clock.monotonic();
    const source = {
      type: "direct",
      pull: (controller: DirectController) => this.#pulled(controller),
      cancel: () => {
        this.#close();
        listener.gone();
      },
    };
    // Direct sources are Bun's own; the types of other runtimes do not have them.
    this.stream = new ReadableStream(
      source as unknown as ConstructorParameters<typeof ReadableStream>[0],
    );
    this.#keepAliveAfter(limits.keepAliveMs);
    this.#watchStall();
  }

  /** Writes a piece of the answer, which may begin and end anywhere. An incomplete event is held back. */
  write(piece: string | Uint8Array): void {
    if (!this.#isEnded) this.#events.add(piece);
  }

  /** Writes an event that is not part of the answer. */
  writeExtra(event: string): void {
    if (!this.#isEnded) this.#put(event);
  }

  /** The end of the answer's last written events. */
  get last(): string | Uint8Array {
    return this.#last;
  }

  /** Whether the reader takes nothing at the moment. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  comment(): void {
    if (!this.#isEnded && !this.#events.isCut) this.#put(KEEP_ALIVE);
  }

  /** Ends a complete answer with the mark of its endpoint. Harmless when called again. */
  end(mark = ""): void {
    if (this.#isEnded) return;
    const rest = this.#events.takeRest();
    if (rest !== null) this.#write(rest);
    if (rest !== null || this.#events.isCut) this.writeExtra(BLANK_LINE);
    if (mark !== "") this.writeExtra(mark);
    this.#end();
  }

  /** Ends an incomplete answer. What the reader has not taken by now does not count as delivered. */
  breakOff(lastEvent: string): void {
    this.#events.takeRest();
    // A reader that has not asked yet will get what is early.
    if (this.#controller !== null) {
      this.deliveredBytes -= this.#stalledBytes;
      this.deliveredChunks -= this.#stalledChunks;
    }
    this.#forgetStalled();
    this.writeExtra(this.#events.isCut ? BLANK_LINE + lastEvent : lastEvent);
    this.#end();
  }

  #write(events: string | Uint8Array): void {
    if (this.keepsLast) this.#last = endOf(events);
    const bytes = byteLength(events);
    this.deliveredBytes += bytes;
    this.deliveredChunks++;
    // The first events do not count against the reader, whatever their size: it could not ask for them yet.
    const isFirst = this.#controller === null && this.#early.length === 0;
    if (this.#isStalled && !isFirst) {
      this.#stalledBytes += bytes;
      this.#stalledChunks++;
      if (this.#stalledBytes > this.limits.maxBufferedBytes) return this.listener.tooSlow();
    }
    this.#put(events);
  }

  #put(text: string | Uint8Array): void {
    this.#writtenMs = this.clock.monotonic();
    if (this.#controller === null) {
      this.#early.push(text);
      return;
    }
    const result = this.#controller.write(text);
    // While the socket takes no more, the stream holds what is written, and each write returns a promise.
    if (result instanceof Promise && !this.#isStalled) this.#stall(result);
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelKeepAlive();
    // A stalled reader's stream ends when all is taken; a stopping server need not wait for this one.
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

  #stall(drained: Promise<number>): void {
    this.#isStalled = true;
    this.#watchStall();
    this.#resumeAfter(drained);
  }

  /** Adds one continuation per stall, not one per write. */
  #resumeAfter(drained: Promise<number>): void {
    const resume = () => this.#resume();
    drained.then(resume, resume);
  }

  #resume(): void {
    this.#isStalled = false;
    this.#forgetStalled();
    this.#cancelStall();
    // Frees the closure over the watch's timer, which a reader that keeps up does not need.
    this.#cancelStall = NOTHING;
    if (this.#isEnded) this.#endController();
    else this.listener.drained();
  }

  /**
   * A full kernel buffer takes no more until megabytes of it are free again, for which a slow reader
   * needs minutes. So a reader is too slow only if its machine took nothing for all of `stallMs`.
   */
  #watchStall(before: string | null = null, quietMs = 0): void {
    const everyMs = this.limits.stallMs / LOOKS_PER_STALL;
    let isOver = false;
    const look = async () => {
      const seen = await this.connection?.progress() ?? null;
      if (isOver) return;
      const hasMoved = seen !== null && before !== null && seen !== before;
      const nowQuietMs = hasMoved ? 0 : quietMs + everyMs;
      if (nowQuietMs < this.limits.stallMs) this.#watchStall(seen, nowQuietMs);
      else if (this.#isEnded) this.#endController();
      else this.listener.tooSlow();
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

  /** Sets one timer per silence: when it fires, it checks how long ago the last write was. */
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
    this.connection?.ending();
    try {
      this.#controller?.end();
    } catch {
      // The reader is gone, which `cancel` reports.
    }
    this.#finishPull();
  }
}

/** Copies the end of a long text: a view would keep all of it in memory. */
function endOf(events: string | Uint8Array): string | Uint8Array {
  const end = events.length <= MAX_LAST ? events : events.slice(-MAX_LAST);
  return typeof end === "string" ? end : owned(end);
}

/** The size on the wire. */
export function byteLength(text: string | Uint8Array): number {
  return typeof text === "string" ? Buffer.byteLength(text) : text.byteLength;
}

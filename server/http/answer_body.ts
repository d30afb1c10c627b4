/**
 * A body that is written piece by piece, notices slow and vanished readers, and keeps a quiet
 * connection alive. sse.ts writes events with it, whole_body.ts JSON.
 */

import type { Clock } from "../base/clock.ts";

export interface BodyLimits {
  /** After so long without a write, a sign of life is sent. */
  keepAliveMs: number;
  /** A reader that takes nothing for so long is too slow. */
  stallMs: number;
  /** How many bytes are held for a stalled reader. */
  maxBufferedBytes: number;
}

/** Receives what the body notices of its reader. */
export interface BodyListener {
  /** The reader has taken nothing for too long, or too many bytes are held for it. */
  tooSlow(): void;
  /** The reader takes bytes again after a stall. */
  drained(): void;
  /** The reader has closed the connection. */
  gone(): void;
  /** Nothing is held for the reader any more: it has the end, or is gone. */
  closed?(): void;
}

/** The connection that the body is sent on. */
export interface BodyConnection {
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

/** The time that an answer's last bytes have to leave before its connection is cut, which would drop them. */
const LAST_BYTES_MS = 100;

const NOTHING = (): void => {};

export abstract class AnswerBody {
  /** The body for a Response. A direct stream is the cheapest way in Bun to write one. */
  readonly stream: ReadableStream;
  /** Bytes and pieces of the answer; signs of life, errors and the end's mark are not counted. */
  deliveredBytes = 0;
  deliveredChunks = 0;
  #controller: DirectController | null = null;
  /** Written before the reader has asked for anything. */
  #early: (string | Uint8Array)[] = [];
  #isEnded = false;
  /** Whether the connection is to be cut at the end. */
  #isCut = false;
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
  #pull: PromiseWithResolvers<void> | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly limits: BodyLimits,
    private readonly listener: BodyListener,
    private readonly connection: BodyConnection | null = null,
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

  /** Whether the reader takes nothing at the moment. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Whether nothing more is written, because the answer has ended or its reader is gone. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Called when nothing was written for a while. */
  protected abstract keepAlive(): void;

  /** Writes a piece that counts as delivered. */
  protected deliver(piece: string | Uint8Array): void {
    const bytes = byteLength(piece);
    this.deliveredBytes += bytes;
    this.deliveredChunks++;
    // The first piece does not count against the reader, whatever its size: it could not ask for it yet.
    const isFirst = this.#controller === null && this.#early.length === 0;
    if (this.#isStalled && !isFirst) {
      this.#stalledBytes += bytes;
      this.#stalledChunks++;
      if (this.#stalledBytes > this.limits.maxBufferedBytes) return this.listener.tooSlow();
    }
    this.put(piece);
  }

  protected put(text: string | Uint8Array): void {
    this.#writtenMs = this.clock.monotonic();
    if (this.#controller === null) {
      this.#early.push(text);
      return;
    }
    const result = this.#controller.write(text);
    // While the socket takes no more, the stream holds what is written, and each write returns a promise.
    if (result instanceof Promise && !this.#isStalled) this.#stall(result);
  }

  /** What the reader has not taken by now does not count as delivered. */
  protected forgetUntaken(): void {
    // A reader that has not asked yet will get what is early.
    if (this.#controller !== null) {
      this.deliveredBytes -= this.#stalledBytes;
      this.deliveredChunks -= this.#stalledChunks;
    }
    this.#forgetStalled();
  }

  /** Nothing more is written. */
  protected close(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelKeepAlive();
    // A stalled reader's stream ends when all is taken; a stopping server need not wait for this one.
    if (!this.#isStalled) this.#endController();
  }

  /** Cuts the connection behind what was written, so that the reader cannot take it for the end. */
  protected cut(): void {
    this.#isCut = true;
    this.close();
  }

  #pulled(controller: DirectController): Promise<void> | void {
    this.#controller = controller;
    let held: Promise<number> | null = null;
    for (const text of this.#early.splice(0)) {
      const result = controller.write(text);
      if (result instanceof Promise) held = result;
    }
    this.#pull = Promise.withResolvers();
    if (held === null) this.#resume();
    else this.#resumeAfter(held);
    return this.#pull.promise;
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
      if (!this.#isEnded) this.keepAlive();
      this.#keepAliveAfter(keepAliveMs);
    });
  }

  #close(): void {
    this.#isClosed = true;
    this.#isEnded = true;
    this.#cancelKeepAlive();
    this.#cancelStall();
    this.listener.closed?.();
  }

  #endController(): void {
    if (this.#isClosed) return;
    this.#close();
    this.connection?.ending();
    if (this.#isCut) return this.#cutConnection();
    try {
      this.#controller?.end();
    } catch {
      // The reader is gone, which `cancel` reports.
    }
    this.#pull?.resolve();
  }

  /** Bun resets the connection of a stream whose source fails. It logs every reason but null. */
  #cutConnection(): void {
    this.clock.after(LAST_BYTES_MS, () => this.#pull?.reject(null));
  }
}

/** The size on the wire. */
export function byteLength(text: string | Uint8Array): number {
  return typeof text === "string" ? Buffer.byteLength(text) : text.byteLength;
}

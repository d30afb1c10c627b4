/** A body of server-sent events. */

import { owned } from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import {
  AnswerBody,
  type BodyConnection,
  type BodyLimits,
  type BodyListener,
} from "./answer_body.ts";
import { WholeEvents } from "../call/whole_events.ts";

/** Some parsers take `: ping` for the end of a stream; this spelling is safe. */
const KEEP_ALIVE = ": keep-alive\n\n";

/** How much is kept of what was last written, in bytes or characters. */
const MAX_LAST = 16 * 1024;

/** Ends an event that has begun. */
const BLANK_LINE = "\n\n";

export class SseBody extends AnswerBody {
  readonly #events = new WholeEvents((events) => this.#write(events));
  #last: string | Uint8Array = "";

  constructor(
    clock: Clock,
    limits: BodyLimits,
    listener: BodyListener,
    connection: BodyConnection | null = null,
    /** Whether `last` will be read. */
    private readonly keepsLast = false,
  ) {
    super(clock, limits, listener, connection);
  }

  /** Writes a piece of the answer, which may begin and end anywhere. An incomplete event is held back. */
  write(piece: string | Uint8Array): void {
    if (!this.isEnded) this.#events.add(piece);
  }

  /** Writes an event that is not part of the answer. */
  writeExtra(event: string): void {
    if (!this.isEnded) this.put(event);
  }

  /** The end of the answer's last written events. */
  get last(): string | Uint8Array {
    return this.#last;
  }

  comment(): void {
    this.#putBetween(KEEP_ALIVE);
  }

  /** Writes a comment that says something. */
  note(text: string): void {
    this.#putBetween(`: ${text}\n\n`);
  }

  protected override keepAlive(): void {
    this.comment();
  }

  /** Ends a complete answer with the mark of its endpoint. Harmless when called again. */
  end(mark = ""): void {
    if (this.isEnded) return;
    const rest = this.#events.takeRest();
    if (rest !== null) this.#write(rest);
    if (rest !== null || this.#events.isCut) this.writeExtra(BLANK_LINE);
    if (mark !== "") this.writeExtra(mark);
    this.close();
  }

  /** Ends an incomplete answer. What the reader has not taken by now does not count as delivered. */
  breakOff(lastEvent: string): void {
    this.#events.takeRest();
    this.forgetUntaken();
    this.writeExtra(this.#events.isCut ? BLANK_LINE + lastEvent : lastEvent);
    this.close();
  }

  /** Not into an event. */
  #putBetween(comment: string): void {
    if (!this.isEnded && !this.#events.isCut) this.put(comment);
  }

  #write(events: string | Uint8Array): void {
    if (this.keepsLast) this.#last = endOf(events);
    this.deliver(events);
  }
}

/** Copies the end of a long text: a view would keep all of it in memory. */
function endOf(events: string | Uint8Array): string | Uint8Array {
  const end = events.length <= MAX_LAST ? events : events.slice(-MAX_LAST);
  return typeof end === "string" ? end : owned(end);
}

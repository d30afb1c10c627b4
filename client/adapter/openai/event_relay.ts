/** Turns an upstream's stream into pieces: plain events pass as bytes, others are parsed and repaired. */

import type { EventSourceMessage } from "eventsource-parser";
import type { Piece, UpstreamFailure } from "../adapter.ts";
import { type ModelNames, withAskedModel } from "../asked_model.ts";
import { BLANK_LINE, disconnected, EventParser } from "../sse/event_stream.ts";
import { latin1, PassthroughScanner } from "../sse/passthrough_scanner.ts";
import { holdsError } from "./chat_dialect.ts";
import { type Json, parseObject } from "../json_object.ts";
import type { StreamFollower } from "./stream_follower.ts";

const NOTHING = new Uint8Array();

/** A read of so much is worth a copy of its rest. */
const LARGE_BYTES = 16 * 1024;

/** The end of a line, followed by an empty line. */
const EVENT_END = /(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)/g;

/** Finds the events that pass as bytes. */
export type Scanner = Pick<PassthroughScanner, "take" | "learn" | "forget" | "end">;

export class EventRelay {
  readonly #parser = new EventParser();
  #bytes: Uint8Array = NOTHING;
  /** The bytes as Latin-1 text, one character per byte. */
  #text = "";
  /** The position of the first byte not yet consumed. */
  #at = 0;
  /** Parsed events not yet returned. */
  #parsed: EventSourceMessage[] = [];
  /** The text that `#parsed` was parsed from, if it is exactly one whole event. */
  #source: string | null = null;
  /** Whether `#at` is at the start of an event. */
  #isAtStart = true;
  #sawDone = false;
  #isEnding = false;

  constructor(
    private readonly follower: StreamFollower,
    private readonly failureIn: (event: Json) => UpstreamFailure,
    private readonly names: ModelNames,
    private readonly scanner: Scanner,
  ) {}

  /** Whether nothing more needs to be read. */
  get isOver(): boolean {
    return this.#sawDone || this.follower.isOver;
  }

  /** Whether the answer is complete even if the connection is lost now. */
  get isComplete(): boolean {
    return this.follower.isComplete;
  }

  /** Takes the next bytes of the stream, once `next` has returned null. */
  feed(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#text = latin1(bytes);
    this.#at = 0;
  }

  /** Returns the next piece in the fed bytes; null: none left. Throws an UpstreamFailure for an error event. */
  next(): Piece | null {
    while (!this.isOver) {
      const event = this.#parsed.shift();
      if (event !== undefined) {
        const passed = this.#pass(event);
        if (passed !== null) return passed;
      } else if (this.#at >= this.#text.length) {
        return null;
      } else {
        const run = this.#isAtStart ? this.scanner.take(this.#bytes, this.#text, this.#at) : null;
        if (run === null) {
          this.#parseEvent();
          continue;
        }
        this.#at = this.scanner.end;
        this.#releaseTaken();
        return run;
      }
    }
    return null;
  }

  /** Lets go of bytes that were taken: the next call may come much later. A large read's short rest is copied. */
  #releaseTaken(): void {
    const { length } = this.#text;
    const restLength = length - this.#at;
    if (restLength === 0) this.feed(NOTHING);
    else if (length >= LARGE_BYTES && restLength < length / 8) {
      this.feed(new Uint8Array(this.#bytes.subarray(this.#at)));
    }
  }

  /** Completes an event without its blank line, at the end of the stream. */
  feedEnd(): void {
    this.#isEnding = true;
    this.feed(BLANK_LINE);
  }

  /** The connection has ended. Throws an UpstreamFailure unless the answer was complete. */
  end(): void {
    if (!this.#sawDone) this.follower.end();
  }

  #parseEvent(): void {
    const [from, end] = [this.#at, endOfEvent(this.#text, this.#at)];
    const isWhole = this.#isAtStart && end !== null;
    this.#isAtStart = end !== null;
    this.#at = end ?? this.#text.length;
    this.#source = isWhole ? this.#text.slice(from, this.#at) : null;
    this.#parsed = this.#parser.feed(this.#bytes.subarray(from, this.#at));
  }

  #pass({ event, data }: EventSourceMessage): string | null {
    this.#sawDone = data.trim() === "[DONE]";
    if (this.#sawDone) return this.follower.done();
    if (data.trim() === "") return null;
    const body = this.#isEnding ? lastObject(data) : parseObject(data);
    const isError = event === "error" || body.type === "error" || holdsError(body);
    if (isError) throw this.failureIn(body);
    const { type } = body;
    const passed = this.follower.pass(data, body);
    if (passed !== data) this.scanner.forget();
    else if (this.#source !== null) this.scanner.learn(this.#source, type);
    return withAskedModel(passed, body, this.names);
  }
}

/** The object in a stream's last event, which the end of the connection may have truncated. */
function lastObject(data: string): Json {
  try {
    return parseObject(data);
  } catch {
    throw disconnected();
  }
}

/** The position after the blank line that ends the event; null: the event is incomplete. */
function endOfEvent(text: string, at: number): number | null {
  EVENT_END.lastIndex = at;
  return EVENT_END.test(text) ? EVENT_END.lastIndex : null;
}

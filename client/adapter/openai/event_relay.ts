/** Makes pieces of what an upstream streams: plain events travel on as bytes, others are parsed and mended. */

import type { EventSourceMessage } from "eventsource-parser";
import type { Piece, UpstreamFailure } from "../adapter.ts";
import { type ModelNames, withAskedModel } from "../asked_model.ts";
import { EventParser } from "../sse/event_stream.ts";
import { latin1, PlainRuns } from "../sse/plain_runs.ts";
import { holdsError } from "./chat_dialect.ts";
import { type Json, parseObject } from "./json_object.ts";
import type { StreamFollower } from "./stream_follower.ts";

const NOTHING = new Uint8Array();

/** A line's end and an empty line. */
const BLANK_LINE = /(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)/g;

export class EventRelay {
  readonly #parser = new EventParser();
  #bytes: Uint8Array = NOTHING;
  /** The same, a character a byte. */
  #text = "";
  /** How far they are taken. */
  #at = 0;
  /** Events that were parsed and not taken, */
  #parsed: EventSourceMessage[] = [];
  /** and what they were parsed from, if that is one whole event. */
  #source: string | null = null;
  /** Whether all that came before are whole events. */
  #isAtStart = true;
  #saidDone = false;

  constructor(
    private readonly follower: StreamFollower,
    private readonly failureIn: (said: Json) => UpstreamFailure,
    private readonly names: ModelNames,
    private readonly plain: Pick<PlainRuns, "take" | "learn" | "end">,
  ) {}

  /** Whether nothing more need be read. */
  get isOver(): boolean {
    return this.#saidDone || this.follower.isOver;
  }

  /** Whether losing the connection now loses nothing. */
  get isComplete(): boolean {
    return this.follower.isComplete;
  }

  /** What came from the upstream, once all that came before has been taken. */
  feed(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#text = latin1(bytes);
    this.#at = 0;
  }

  /** The next piece in what was fed; null: there is no more. Throws the UpstreamFailure that it tells. */
  next(): Piece | null {
    while (!this.isOver) {
      const event = this.#parsed.shift();
      if (event !== undefined) {
        const passed = this.#pass(event);
        if (passed !== null) return passed;
      } else if (this.#at >= this.#text.length) {
        return null;
      } else {
        const run = this.#isAtStart ? this.plain.take(this.#bytes, this.#text, this.#at) : null;
        if (run === null) {
          this.#parseEvent();
          continue;
        }
        this.#at = this.plain.end;
        // It may be long until the next one is asked for.
        if (this.#at === this.#text.length) this.feed(NOTHING);
        return run;
      }
    }
    return null;
  }

  /** The connection has ended. Throws an UpstreamFailure unless the answer was complete. */
  end(): void {
    if (!this.#saidDone) this.follower.end();
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
    this.#saidDone = data.trim() === "[DONE]";
    if (this.#saidDone) return this.follower.done();
    if (data.trim() === "") return null;
    const said = parseObject(data);
    const isError = event === "error" || said.type === "error" || holdsError(said);
    if (isError) throw this.failureIn(said);
    const { type } = said;
    const passed = this.follower.pass(data, said);
    if (this.#source !== null && passed === data) this.plain.learn(this.#source, type);
    return withAskedModel(passed, said, this.names);
  }
}

/** Behind the empty line that ends the event; null: it goes on in what is still to come. */
function endOfEvent(text: string, at: number): number | null {
  BLANK_LINE.lastIndex = at;
  return BLANK_LINE.test(text) ? BLANK_LINE.lastIndex : null;
}

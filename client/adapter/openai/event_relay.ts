/** Makes pieces of what an upstream streams: plain events travel on as bytes, others are parsed and mended. */

import type { EventSourceMessage } from "eventsource-parser";
import type { Piece, UpstreamFailure } from "../adapter.ts";
import { EventParser } from "../event_stream.ts";
import { latin1, PlainRuns } from "../plain_runs.ts";
import { holdsError } from "./dialect.ts";
import { type Json, parseObject } from "./json_object.ts";
import type { StreamFollower } from "./stream_follower.ts";

/** A line's end and an empty line. */
const BLANK_LINE = /(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)/g;

export class EventRelay {
  readonly #parser = new EventParser();
  /** Whether all that came before are whole events. */
  #isAtStart = true;
  #saidDone = false;

  constructor(
    private readonly follower: StreamFollower,
    private readonly failureIn: (said: Json) => UpstreamFailure,
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

  /** The pieces in these bytes, made while they are taken. Throws the UpstreamFailure that they tell. */
  *take(bytes: Uint8Array): Iterable<Piece> {
    const text = latin1(bytes);
    for (let at = 0; at < text.length && !this.isOver;) {
      const run = this.#isAtStart ? this.plain.take(bytes, text, at) : null;
      if (run !== null) {
        at = this.plain.end;
        yield run;
        continue;
      }
      const end = endOfEvent(text, at);
      const isWhole = this.#isAtStart && end !== null;
      this.#isAtStart = end !== null;
      const from = at;
      at = end ?? text.length;
      for (const event of this.#parser.feed(bytes.subarray(from, at))) {
        const json = this.#pass(event, isWhole ? text.slice(from, at) : null);
        if (json !== null) yield json;
      }
    }
  }

  /** The connection has ended. Throws an UpstreamFailure unless the answer was complete. */
  end(): void {
    this.follower.end(this.#saidDone);
  }

  #pass({ event, data }: EventSourceMessage, source: string | null): string | null {
    this.#saidDone = data.trim() === "[DONE]";
    if (this.#saidDone || data.trim() === "") return null;
    const said = parseObject(data);
    const isError = event === "error" || said.type === "error" || holdsError(said);
    if (isError) throw this.failureIn(said);
    const { type } = said;
    const passed = this.follower.pass(data, said);
    if (source !== null && passed === data) this.plain.learn(source, type);
    return passed;
  }
}

/** Behind the empty line that ends the event; null: it goes on in what is still to come. */
function endOfEvent(text: string, at: number): number | null {
  BLANK_LINE.lastIndex = at;
  return BLANK_LINE.test(text) ? BLANK_LINE.lastIndex : null;
}

/** Follows the events of `/v1/responses`. The type of an event says whether it is the last one. */

import { disconnected } from "../sse/event_stream.ts";
import { type Json, notAnAnswer } from "../json_object.ts";
import type { StreamFollower } from "./stream_follower.ts";

const LAST_EVENTS: ReadonlySet<unknown> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
]);

export class ResponseStream implements StreamFollower {
  #isOver = false;

  get isComplete(): boolean {
    return this.#isOver;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  pass(text: string, { type }: Json): string {
    if (typeof type !== "string") throw notAnAnswer();
    this.#isOver = LAST_EVENTS.has(type);
    return text;
  }

  /** `[DONE]` does not end a response: throws if the response is still open. */
  done(): null {
    this.end();
    return null;
  }

  end(): void {
    if (!this.#isOver) throw disconnected();
  }
}

/** Finds runs of plain events in what an upstream sends, so that they travel on as the bytes they are. */

import { Buffer } from "node:buffer";
import { type Endpoint, endpointStreams, withoutUsage } from "../../protocol/mod.ts";
import type { PlainEvents } from "./adapter.ts";
import { EventPattern } from "./event_pattern.ts";
import { signsOf } from "./signs.ts";

/** After so many patterns that fitted nothing, a stream is taken to repeat nothing, */
const MAX_WASTED = 4;
/** and is looked at again only after so many events. */
const PAUSE_EVENTS = 64;

/** Bytes as text, a character each: places in the one are places in the other. */
export function latin1(bytes: Uint8Array): string {
  // Not Buffer.from(): to get at the bytes' buffer costs more than all the rest for small pieces.
  return Buffer.prototype.toString.call(bytes, "latin1");
}

export class PlainRuns {
  #pattern: EventPattern | null = null;
  #hasMatched = false;
  #wasted = 0;
  #pause = 0;
  /** Where the run that was taken last ends. */
  end = 0;

  constructor(private readonly endpoint: Endpoint, private readonly hidesUsage: boolean) {}

  /** The plain events that begin at `at`, where an event begins; null if there are none. `text` is Latin-1. */
  take(bytes: Uint8Array, text: string, at: number): PlainEvents | null {
    const pattern = this.#pattern;
    if (pattern === null) return null;
    const kept: string[] = [];
    let from = at;
    let end = at;
    let tokenEvents = 0;
    for (let next = pattern.match(text, at); next >= 0; next = pattern.match(text, end)) {
      end = next;
      if (pattern.hasTokens) tokenEvents++;
      if (pattern.cut === null) continue;
      kept.push(text.slice(from, pattern.cutAt));
      from = pattern.cutAt + pattern.cut.to - pattern.cut.from;
    }
    if (end === at) return null;
    this.#hasMatched = true;
    this.end = end;
    if (kept.length === 0) return { bytes: part(bytes, at, end), tokenEvents };
    kept.push(text.slice(from, end));
    return { bytes: Buffer.from(kept.join(""), "latin1"), tokenEvents };
  }

  /** Learns from a whole event that was parsed and passed on as it was. `name`: its `type`, where it has one. */
  learn(event: string, name: unknown): void {
    if (this.#pause > 0) {
      this.#pause--;
      return;
    }
    const pattern = this.#patternOf(event, name);
    if (pattern === null) return;
    this.#wasted = this.#pattern === null || this.#hasMatched ? 0 : this.#wasted + 1;
    this.#hasMatched = false;
    this.#pattern = pattern;
    if (this.#wasted < MAX_WASTED) return;
    this.#wasted = 0;
    this.#pattern = null;
    this.#pause = PAUSE_EVENTS;
  }

  #patternOf(event: string, name: unknown): EventPattern | null {
    const isNamed = endpointStreams[this.endpoint]?.endsWithDone === false;
    const head = isNamed ? `event: ${name}\ndata: ` : "data: ";
    if (!event.startsWith(`${head}{`) || !event.endsWith("}\n\n")) return null;
    const json = event.slice(head.length, -"\n\n".length);
    const { tokens, finishReason, account } = signsOf(this.endpoint);
    if (/[\r\n]/.test(json) || finishReason.test(json) || account.test(json)) return null;
    const hidden = this.hidesUsage ? hiddenIn(json) : null;
    return EventPattern.of(
      event,
      tokens,
      hidden && {
        from: hidden.from + head.length,
        to: hidden.to + head.length,
      },
    );
  }
}

/** Most reads are nothing but plain events, and even a view of them costs. */
function part(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return from === 0 && to === bytes.byteLength ? bytes : bytes.subarray(from, to);
}

/** Where that lies which is kept from a caller who did not ask for usage. */
function hiddenIn(json: string): { from: number; to: number } | null {
  if (!json.includes('"usage"')) return null;
  const shown = withoutUsage(json, JSON.parse(json));
  if (shown === json) return null;
  let from = 0;
  while (shown[from] === json[from]) from++;
  return { from, to: from + json.length - shown.length };
}

/** Finds runs of plain events in an upstream's stream, so that their bytes pass through unparsed. */

import { Buffer } from "node:buffer";
import { endpointSpecs, withoutUsage } from "../../../protocol/mod.ts";
import type { AdapterCall, PlainBytes } from "../adapter.ts";
import { type ModelNames, withAskedModel } from "../asked_model.ts";
import { type Change, EventPattern } from "./event_pattern.ts";
import { markersOf } from "../event_markers.ts";

/** Patterns in a row that matched nothing, after which learning pauses. */
const MAX_WASTED = 4;
/** How many events a pause lasts. */
const PAUSE_EVENTS = 64;

/** Bytes as text, one character per byte: positions are the same in both. */
export function latin1(bytes: Uint8Array): string {
  // Not Buffer.from(): for small pieces, access to the underlying buffer costs more than the rest.
  return Buffer.prototype.toString.call(bytes, "latin1");
}

/** The members of a call that decide how its events are shown. */
export type ScannedCall = Pick<AdapterCall, "endpoint" | "hidesUsage" | keyof ModelNames>;

export class PassthroughScanner {
  #pattern: EventPattern | null = null;
  #hasMatched = false;
  #wasted = 0;
  #pause = 0;
  /** Where the last taken run ends. */
  end = 0;

  constructor(private readonly call: ScannedCall) {}

  /** Takes the plain events that begin at `at`, the start of an event; null: none. `text` is `bytes` as Latin-1. */
  take(bytes: Uint8Array, text: string, at: number): PlainBytes | null {
    const pattern = this.#pattern;
    if (pattern === null) return null;
    const kept: string[] = [];
    let from = at;
    let end = at;
    let tokenEvents = 0;
    for (let next = pattern.match(text, at); next >= 0; next = pattern.match(text, end)) {
      end = next;
      if (pattern.hasTokens) tokenEvents++;
      for (let i = 0; i < pattern.cuts.length; i++) {
        const [cut, cutAt] = [pattern.cuts[i]!, pattern.cutsAt[i]!];
        kept.push(text.slice(from, cutAt), cut.by);
        from = cutAt + cut.to - cut.from;
      }
    }
    if (end === at) return null;
    this.#hasMatched = true;
    this.end = end;
    if (kept.length === 0) return { bytes: part(bytes, at, end), tokenEvents };
    kept.push(text.slice(from, end));
    return { bytes: Buffer.from(kept.join(""), "latin1"), tokenEvents };
  }

  /** Learns from a whole event that was parsed and passed unchanged. `name`: its `type`, if it has one. */
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

  /** An event had to be repaired: later ones that look like the learned one may have to be, too. */
  forget(): void {
    this.#pattern = null;
  }

  #patternOf(event: string, name: unknown): EventPattern | null {
    const { endpoint } = this.call;
    const isNamed = endpointSpecs[endpoint].stream?.endsWithDone === false;
    const head = isNamed ? `event: ${name}\ndata: ` : "data: ";
    if (!event.startsWith(`${head}{`) || !event.endsWith("}\n\n")) return null;
    const json = event.slice(head.length, -"\n\n".length);
    const { tokens, finishReason, accounting } = markersOf(endpoint);
    if (/[\r\n]/.test(json) || finishReason.test(json) || accounting.test(json)) return null;
    // Begins a call, which the next event must not do again.
    if (/"name"\s*:/.test(json)) return null;
    const changes = this.#changesIn(json).map(({ from, to, by }) => ({
      from: from + head.length,
      to: to + head.length,
      by,
    }));
    return EventPattern.of(event, tokens, changes);
  }

  /** The ranges that callers see changed: usage that they did not request, and the model's name. */
  #changesIn(json: string): Change[] {
    const { hidesUsage, model, askedModel } = this.call;
    if (!hidesUsage && model === askedModel) return [];
    const event = JSON.parse(json) as Record<string, unknown>;
    // Latin-1, like the event's text.
    const names = { model: bytesOf(model), askedModel: bytesOf(askedModel) };
    const shown = [
      hidesUsage && json.includes('"usage"') ? withoutUsage(json, event) : json,
      withAskedModel(json, event, names),
    ];
    return shown.filter((text) => text !== json).map((text) => changeBetween(json, text))
      .toSorted((a, b) => a.from - b.from);
  }
}

/** Most reads hold nothing but plain events; even a view of them would cost. */
function part(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return from === 0 && to === bytes.byteLength ? bytes : bytes.subarray(from, to);
}

function bytesOf(text: string): string {
  return latin1(Buffer.from(text));
}

/** The smallest change that turns one text into another. */
function changeBetween(text: string, other: string): Change {
  let from = 0;
  while (text[from] === other[from]) from++;
  const most = Math.min(text.length, other.length) - from;
  let same = 0;
  while (same < most && text.at(-1 - same) === other.at(-1 - same)) same++;
  return { from, to: text.length - same, by: other.slice(from, other.length - same) };
}

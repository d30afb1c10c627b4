/** Finds runs of plain events in what an upstream sends, so that they travel on as the bytes they are. */

import { Buffer } from "node:buffer";
import { endpointSpecs, withoutUsage } from "../../../protocol/mod.ts";
import type { AdapterCall, PlainEvents } from "../adapter.ts";
import { type ModelNames, withAskedModel } from "../asked_model.ts";
import { type Change, EventPattern } from "./event_pattern.ts";
import { signsOf } from "../signs.ts";

/** After so many patterns that fitted nothing, a stream is taken to repeat nothing, */
const MAX_WASTED = 4;
/** and is looked at again only after so many events. */
const PAUSE_EVENTS = 64;

/** Bytes as text, a character each: places in the one are places in the other. */
export function latin1(bytes: Uint8Array): string {
  // Not Buffer.from(): to get at the bytes' buffer costs more than all the rest for small pieces.
  return Buffer.prototype.toString.call(bytes, "latin1");
}

/** What of a call decides how its events are shown. */
export type RelayedCall = Pick<AdapterCall, "endpoint" | "hidesUsage" | keyof ModelNames>;

export class PlainRuns {
  #pattern: EventPattern | null = null;
  #hasMatched = false;
  #wasted = 0;
  #pause = 0;
  /** Where the run that was taken last ends. */
  end = 0;

  constructor(private readonly call: RelayedCall) {}

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
    const { endpoint } = this.call;
    const isNamed = endpointSpecs[endpoint].stream?.endsWithDone === false;
    const head = isNamed ? `event: ${name}\ndata: ` : "data: ";
    if (!event.startsWith(`${head}{`) || !event.endsWith("}\n\n")) return null;
    const json = event.slice(head.length, -"\n\n".length);
    const { tokens, finishReason, account } = signsOf(endpoint);
    if (/[\r\n]/.test(json) || finishReason.test(json) || account.test(json)) return null;
    const changes = this.#changesIn(json).map(({ from, to, by }) => ({
      from: from + head.length,
      to: to + head.length,
      by,
    }));
    return EventPattern.of(event, tokens, changes);
  }

  /** What callers see otherwise: usage that they did not ask for, and the model's name. */
  #changesIn(json: string): Change[] {
    const { hidesUsage, model, askedModel } = this.call;
    if (!hidesUsage && model === askedModel) return [];
    const said = JSON.parse(json) as Record<string, unknown>;
    // The names as the event is told here: each of its bytes a character.
    const names = { model: bytesOf(model), askedModel: bytesOf(askedModel) };
    const shown = [
      hidesUsage && json.includes('"usage"') ? withoutUsage(json, said) : json,
      withAskedModel(json, said, names),
    ];
    return shown.filter((text) => text !== json).map((text) => changeBetween(json, text))
      .toSorted((a, b) => a.from - b.from);
  }
}

/** Most reads are nothing but plain events, and even a view of them costs. */
function part(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return from === 0 && to === bytes.byteLength ? bytes : bytes.subarray(from, to);
}

function bytesOf(text: string): string {
  return latin1(Buffer.from(text));
}

/** What makes one text of another. */
function changeBetween(text: string, other: string): Change {
  let from = 0;
  while (text[from] === other[from]) from++;
  const most = Math.min(text.length, other.length) - from;
  let same = 0;
  while (same < most && text.at(-1 - same) === other.at(-1 - same)) same++;
  return { from, to: text.length - same, by: other.slice(from, other.length - same) };
}

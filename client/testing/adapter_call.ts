/** Asks an adapter as a runner does, and reads what it says. */

import { Endpoint } from "../../protocol/mod.ts";
import type { AdapterCall, Piece } from "../adapter/adapter.ts";

/** A streamed chat that is never cancelled, except for what is given. */
export function callOf(change: Partial<AdapterCall> = {}): AdapterCall {
  return {
    id: "req-1",
    endpoint: Endpoint.chat,
    headers: {},
    model: "m",
    bodyText: "{}",
    stream: true,
    hidesUsage: false,
    signal: new AbortController().signal,
    ...change,
  };
}

const decoder = new TextDecoder();

/** The JSON texts of an answer: each event's `data:`, or the whole. */
export async function* textsOf(pieces: AsyncIterable<Piece>): AsyncIterable<string> {
  for await (const piece of pieces) {
    if (typeof piece === "string") yield piece;
    else yield* dataOf(decoder.decode(piece.bytes));
  }
}

function dataOf(events: string): string[] {
  return events.split("\n\n").slice(0, -1).map((event) => {
    const line = event.split("\n").find((line) => line.startsWith("data: "));
    if (line === undefined) throw new Error(`No event: ${event}`);
    return line.slice("data: ".length);
  });
}

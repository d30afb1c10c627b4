/** Calls an adapter as a runner does, and reads its answer. */

import { Endpoint } from "../../protocol/mod.ts";
import type { AdapterCall, Piece } from "../adapter/adapter.ts";
import { jsonTexts as textsOfPiece } from "../adapter/sse/json_texts.ts";

/** A streamed chat call with the given changes. */
export function callOf(change: Partial<AdapterCall> = {}): AdapterCall {
  const { model = "m", bodyText = "{}" } = change;
  return {
    id: "req-1",
    endpoint: Endpoint.chat,
    headers: {},
    model,
    askedModel: (JSON.parse(bodyText) as { model?: string }).model ?? model,
    bodyText,
    stream: true,
    hidesUsage: false,
    signal: new AbortController().signal,
    ...change,
  };
}

/** The JSON texts of an answer: each event's `data:`, or the whole answer. */
export async function* textsOf(pieces: AsyncIterable<Piece>): AsyncIterable<string> {
  for await (const piece of pieces) yield* textsOfPiece(piece);
}

/** Splits a piece of an answer into its JSON texts. */

import type { Piece } from "../adapter.ts";

const decoder = new TextDecoder();

/** Returns each event's `data:`, or the whole answer. Each plain event has exactly one such line. */
export function jsonTexts(piece: Piece): string[] {
  if (typeof piece === "string") return [piece];
  const lines = decoder.decode(piece.bytes).split("\n");
  return lines.filter((line) => line.startsWith(DATA)).map((line) => line.slice(DATA.length));
}

const DATA = "data: ";

/** The JSON texts in a piece of an answer, for who must look at each of them. */

import type { Piece } from "../adapter.ts";

const decoder = new TextDecoder();

/** Each event's `data:`, or the whole answer. Plain events are whole ones, each with one such line. */
export function textsOf(piece: Piece): string[] {
  if (typeof piece === "string") return [piece];
  const lines = decoder.decode(piece.bytes).split("\n");
  return lines.filter((line) => line.startsWith(DATA)).map((line) => line.slice(DATA.length));
}

const DATA = "data: ";

/** Where a page ended, as a text that the next request sends back. */

import { ColinkError } from "../base/error.ts";

export interface Position {
  /** UTC milliseconds. */
  at: number;
  /** Tells apart what happened in the same millisecond. */
  id: string;
}

/** Opaque to those who get it; null for nothing. */
export function cursorOf(position: Position | undefined): string | null {
  if (position === undefined) return null;
  return Buffer.from(`${position.at}.${position.id}`).toString("base64url");
}

/** Throws `invalid_request` for what no page has ended with. */
export function positionOf(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, "base64url").toString();
  const [, at, id] = /^(\d{1,16})\.([\w-]{0,100})$/.exec(text) ?? [];
  if (at !== undefined && id !== undefined) return { at: Number(at), id };
  throw new ColinkError(
    "invalid_request",
    "Cannot go on from there: cursor is none that a page has ended with; ask without it",
    { param: "cursor" },
  );
}

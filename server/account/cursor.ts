/** Cursors of paged lists: the position where a page ended, as opaque text for the next request. */

import { ColinkError } from "../base/error.ts";

export interface Position {
  /** UTC milliseconds. */
  at: number;
  /** Orders rows of the same millisecond. */
  id: string;
}

/** Null for no position. */
export function cursorOf(position: Position | null): string | null {
  if (position === null) return null;
  return Buffer.from(`${position.at}.${position.id}`).toString("base64url");
}

/** Throws `invalid_request` for text that `cursorOf` cannot have returned. */
export function positionOf(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, "base64url").toString();
  const [, at, id] = /^(\d{1,16})\.([\w-]{0,100})$/.exec(text) ?? [];
  if (at !== undefined && id !== undefined) return { at: Number(at), id };
  throw new ColinkError(
    "invalid_request",
    "Cannot continue the list: the cursor is invalid; ask again without it",
    { param: "cursor" },
  );
}

/**
 * Splits rows that were read with a limit of `limit + 1`: the rows of this page, and the cursor of
 * the next page if there is one.
 */
export function pageOf<T>(rows: readonly T[], limit: number, position: (row: T) => Position) {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { shown, nextCursor: cursorOf(hasMore ? position(last) : null) };
}

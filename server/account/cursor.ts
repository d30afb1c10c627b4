/** Cursors of paged lists: the position where a page ended, as opaque text for the next request. */

import { storable } from "../store/text.ts";
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
  throw invalidCursor();
}

function invalidCursor(): ColinkError {
  return new ColinkError(
    "invalid_request",
    "Cannot continue the list: the cursor is invalid; ask again without it",
    { param: "cursor", problem: { code: "wrong_format" } },
  );
}

/** As `cursorOf`, for a list that is sorted by `sort`: its places are numbers or texts. */
export function sortedCursorOf(
  sort: string,
  position: { value: number | string; id: string } | null,
): string | null {
  if (position === null) return null;
  return Buffer.from(JSON.stringify([sort, position.value, position.id])).toString("base64url");
}

/** Throws `invalid_request` for text that `sortedCursorOf` cannot have returned for that order. */
export function sortedPositionOf(
  sort: string,
  isValue: (value: unknown) => boolean,
  cursor: string | undefined,
): { value: number | string; id: string } | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [of, value, id] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    if (of === sort && isValue(value) && typeof id === "string") {
      return { value: value as number | string, id: storable(id) };
    }
  } catch {
    // Refused below.
  }
  throw invalidCursor();
}

/** Up to how many entries that follow a page are counted. */
const MAX_FOLLOWING = 1_000;

/** What follows a page, where `count` counts it up to a limit; null: it does not, as that would take long. */
export async function followingOf(
  count: (limit: number) => Promise<number | null>,
): Promise<{ count: number; exact: boolean } | null> {
  const counted = await count(MAX_FOLLOWING + 1);
  if (counted === null) return null;
  return { count: Math.min(counted, MAX_FOLLOWING), exact: counted <= MAX_FOLLOWING };
}

/** What follows the last page. */
export const NOTHING_FOLLOWS = { count: 0, exact: true } as const;

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

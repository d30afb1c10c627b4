/** A list that is loaded page by page on demand; new items appear at its beginning by themselves. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Changed, Following } from "../../../api/mod.ts";
import { ApiError } from "../../api.ts";
import { useChange } from "../../state/changing.ts";

interface Page<T> {
  items: readonly T[];
  next: string | null;
  /** How long the list is beyond this page. */
  following: Following;
}

export interface Pages<T> {
  /** Null until the first page has arrived. */
  items: readonly T[] | null;
  error: ApiError | null;
  hasMore: boolean;
  /** How long the list is beyond the items that are loaded. */
  following: Following;
  more: () => void;
  /** Repeats the request that failed. */
  retry: () => void;
  /** Replaces the item with the same id. */
  put: (item: T) => void;
  /** Takes the item with that id out of the list. */
  drop: (id: string) => void;
}

interface Options<T> {
  /** The feed's name of the list, for changes to it. */
  what: Changed;
  load: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>;
  /** Identifies the query: when it changes, the list starts over. */
  key: string;
}

export function usePages<T extends { id: string }>({ what, load, key }: Options<T>): Pages<T> {
  const items = useSignal<readonly T[] | null>(null);
  const next = useSignal<string | null>(null);
  const following = useSignal<Following>(null);
  const error = useSignal<ApiError | null>(null);
  const loading = useRef(new AbortController());
  /** Whether the first page of this query has arrived. */
  const isBegun = useRef(false);
  const isLoadingMore = useRef(false);
  const latest = useRef(() => {});

  const loadPage = async (cursor: string | undefined, take: (page: Page<T>) => void) => {
    const { signal } = loading.current;
    latest.current = () => void loadPage(cursor, take);
    try {
      const page = await load(cursor, signal);
      if (signal.aborted) return;
      take(page);
      error.value = null;
    } catch (failure) {
      if (signal.aborted) return;
      if (!(failure instanceof ApiError)) throw failure;
      error.value = failure;
    }
  };
  // Pages that were loaded already stay.
  const takeFirst = (page: Page<T>) => {
    if (isBegun.current) {
      items.value = merged(page.items, items.peek() ?? []);
      return;
    }
    isBegun.current = true;
    items.value = page.items;
    next.value = page.next;
    following.value = page.following;
  };
  useEffect(() => {
    loading.current = new AbortController();
    isBegun.current = false;
    // Both belong to the query before.
    next.value = null;
    following.value = null;
    void loadPage(undefined, takeFirst);
    return () => loading.current.abort();
  }, [key]);
  useChange(what, () => void loadPage(undefined, takeFirst));

  const more = () => {
    const cursor = next.peek();
    if (cursor === null || isLoadingMore.current) return;
    isLoadingMore.current = true;
    void loadPage(cursor, (page) => {
      items.value = merged(items.peek() ?? [], page.items);
      next.value = page.next;
      following.value = page.following;
    }).finally(() => isLoadingMore.current = false);
  };
  return {
    items: items.value,
    error: error.value,
    hasMore: next.value !== null,
    following: following.value,
    more,
    retry: () => latest.current(),
    drop: (id) => items.value = items.peek()?.filter((one) => one.id !== id) ?? null,
    put: (item) =>
      items.value = items.peek()?.map((one) => (one.id === item.id ? item : one)) ?? null,
  };
}

/** Both lists joined; an item in both keeps its place in the first. */
function merged<T extends { id: string }>(first: readonly T[], second: readonly T[]): T[] {
  const known = new Set(first.map(({ id }) => id));
  return [...first, ...second.filter(({ id }) => !known.has(id))];
}

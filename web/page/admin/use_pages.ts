/** A list that comes page by page, for as long as one asks for more; what is new stands before it by itself. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Changed } from "../../../api/mod.ts";
import { ApiError } from "../../api.ts";
import { useChange } from "../../state/changing.ts";

export interface Page<T> {
  items: readonly T[];
  next: string | null;
}

export interface Pages<T> {
  /** Null: not known yet. */
  items: readonly T[] | null;
  error: ApiError | null;
  hasMore: boolean;
  more: () => void;
  /** Asks once more for what did not come. */
  retry: () => void;
  /** Puts an item in the place of the one with its id. */
  put: (item: T) => void;
}

interface Options<T> {
  /** Tells by the feed that the list has changed. */
  what: Changed;
  load: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>;
  /** What is asked for: when it changes, the list begins anew. */
  key: string;
}

export function usePages<T extends { id: string }>({ what, load, key }: Options<T>): Pages<T> {
  const items = useSignal<readonly T[] | null>(null);
  const next = useSignal<string | null>(null);
  const error = useSignal<ApiError | null>(null);
  const asking = useRef(new AbortController());
  const isAsking = useRef(false);

  const ask = async (cursor: string | undefined, take: (page: Page<T>) => void) => {
    const { signal } = asking.current;
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
  const begin = (page: Page<T>) => {
    items.value = page.items;
    next.value = page.next;
  };
  useEffect(() => {
    asking.current = new AbortController();
    void ask(undefined, begin);
    return () => asking.current.abort();
  }, [key]);
  // Whoever has asked for more keeps it.
  useChange(what, () => {
    void ask(undefined, (page) => {
      if (items.peek() === null) begin(page);
      else items.value = merged(page.items, items.peek() ?? []);
    });
  });

  const more = () => {
    const cursor = next.peek();
    if (cursor === null || isAsking.current) return;
    isAsking.current = true;
    void ask(cursor, (page) => {
      items.value = merged(items.peek() ?? [], page.items);
      next.value = page.next;
    }).finally(() => isAsking.current = false);
  };
  return {
    items: items.value,
    error: error.value,
    hasMore: next.value !== null,
    more,
    retry: () => items.peek() === null ? void ask(undefined, begin) : more(),
    put: (item) =>
      items.value = items.peek()?.map((one) => (one.id === item.id ? item : one)) ?? null,
  };
}

/** The second list after the first; an item that both have stands where the first has it. */
function merged<T extends { id: string }>(first: readonly T[], second: readonly T[]): T[] {
  const known = new Set(first.map(({ id }) => id));
  return [...first, ...second.filter(({ id }) => !known.has(id))];
}

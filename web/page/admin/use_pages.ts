/** A list that comes page by page, for as long as one asks for more. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError } from "../../api.ts";

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
  /** Asks anew, from the first page. */
  again: () => void;
}

/** `key` says what is asked for: when it changes, the list begins anew. */
export function usePages<T>(
  load: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>,
  key: string,
): Pages<T> {
  const items = useSignal<readonly T[] | null>(null);
  const next = useSignal<string | null>(null);
  const error = useSignal<ApiError | null>(null);
  const turn = useSignal(0);

  const ask = async (cursor: string | undefined, signal: AbortSignal) => {
    try {
      const page = await load(cursor, signal);
      items.value = cursor === undefined ? page.items : [...items.peek() ?? [], ...page.items];
      next.value = page.next;
      error.value = null;
    } catch (failure) {
      if (signal.aborted) return;
      if (!(failure instanceof ApiError)) throw failure;
      error.value = failure;
    }
  };
  useEffect(() => {
    const asking = new AbortController();
    void ask(undefined, asking.signal);
    return () => asking.abort();
  }, [key, turn.value]);

  return {
    items: items.value,
    error: error.value,
    hasMore: next.value !== null,
    more: () => {
      const cursor = next.peek();
      next.value = null;
      if (cursor !== null) void ask(cursor, new AbortController().signal);
    },
    again: () => turn.value++,
  };
}

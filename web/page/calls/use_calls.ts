/** The calls that match a filter: older ones page by page, new ones as they end. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { CallFilter, CallView, Following } from "../../../api/mod.ts";
import { api, ApiError } from "../../api.ts";
import { lostSinceMs } from "../../state/connection.ts";
import { useFeed } from "../../state/feed.ts";
import { fits } from "./fits.ts";

export interface Calls {
  /** Newest first; null until the first page has arrived. */
  calls: readonly CallView[] | null;
  /** Why the last page failed; `more` repeats the request. */
  error: ApiError | null;
  /** Whether there are no older calls. */
  isWhole: boolean;
  /** How many older calls there are. */
  following: Following;
  isLoading: boolean;
  /** Loads the next older page; does nothing while one is loading. */
  more: () => void;
}

const PAGE = 200;

interface State {
  calls: readonly CallView[] | null;
  error: ApiError | null;
  /** Null: there are no older calls. */
  cursor: string | null | undefined;
  following: Following;
  isLoading: boolean;
}

const nothing: State = {
  calls: null,
  error: null,
  cursor: undefined,
  following: null,
  isLoading: false,
};

/** The one call of that id, among those that the account made or its nodes served; with the empty id none. */
export function useCall(id: string): Calls {
  const state = useSignal(nothing);
  const tries = useSignal(0);
  useEffect(() => {
    if (id === "") return;
    const loading = new AbortController();
    state.value = { ...nothing, isLoading: true };
    api.call(id, loading.signal).then(
      ({ call }) => state.value = { ...nothing, calls: [call], cursor: null },
      (error) => {
        if (loading.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        const isUnknown = error.status === 404;
        state.value = { ...nothing, cursor: null, ...(isUnknown ? { calls: [] } : { error }) };
      },
    );
    return () => loading.abort();
  }, [id, tries.value]);
  const { calls, error, isLoading } = state.value;
  return {
    calls,
    error,
    isWhole: true,
    following: null,
    isLoading,
    more: () => void tries.value++,
  };
}

/** `filter`: null loads nothing. */
export function useCalls(filter: CallFilter | null): Calls {
  const query = JSON.stringify(filter);
  const state = useSignal(nothing);
  const loading = useMemo(() => new AbortController(), [query]);

  const more = async () => {
    const { isLoading, cursor } = state.peek();
    if (filter === null || isLoading || cursor === null || loading.signal.aborted) return;
    state.value = { ...state.peek(), isLoading: true, error: null };
    try {
      const page = await api.calls({ ...filter, cursor, limit: PAGE }, loading.signal);
      const calls = withoutTwins(state.peek().calls ?? [], page.calls);
      const { next_cursor, following } = page;
      state.value = { calls, error: null, cursor: next_cursor, following, isLoading: false };
    } catch (error) {
      if (loading.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      state.value = { ...state.peek(), error, isLoading: false };
    }
  };
  useEffect(() => {
    state.value = nothing;
    void more();
    return () => loading.abort();
  }, [loading]);
  // Load again as soon as an unreachable gateway is back.
  useEffect(() =>
    lostSinceMs.subscribe((lost) => {
      if (lost === null && state.peek().error?.code === "unreachable") void more();
    }), [loading]);
  useFeed("call", (call) => {
    const { calls } = state.peek();
    if (filter === null || !calls || !fits(call, filter)) return;
    state.value = { ...state.peek(), calls: withoutTwins([call], calls) };
  });

  const { calls, error, cursor, following, isLoading } = state.value;
  return { calls, error, isWhole: cursor === null, following, isLoading, more: () => void more() };
}

/** The second list after the first; a call that both know stands where the first has it. */
function withoutTwins(
  first: readonly CallView[],
  second: readonly CallView[],
): readonly CallView[] {
  const known = new Set((first.length < second.length ? first : first.slice(-PAGE)).map(keyOf));
  return [...first, ...second.filter((call) => !known.has(keyOf(call)))];
}

function keyOf({ side, id }: CallView): string {
  return `${side} ${id}`;
}

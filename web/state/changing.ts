/** Data that people change by hand: loaded, and loaded again when the feed reports a change. */

import { type Signal, useSignal } from "@preact/signals";
import type { Changed } from "../../api/mod.ts";
import { isFed, useFeed } from "./feed.ts";
import { type Live, useLive } from "./live.ts";

/** Poll interval without the feed. */
const REFRESH_MS = 15_000;
/** Poll interval with the feed: only a safety net for events that were missed. */
const REFRESH_FED_MS = 60_000;

export interface Changing<T> {
  live: Signal<Live<T>>;
  /** Loads again at once, after a change made on this page. */
  reload: () => void;
}

export function useChanging<T>(
  what: Changed,
  load: (signal: AbortSignal) => Promise<T>,
): Changing<T> {
  const changes = useSignal(0);
  const reload = () => {
    changes.value++;
  };
  useChange(what, reload);
  const live = useLive(load, isFed.value ? REFRESH_FED_MS : REFRESH_MS, [changes.value]);
  return { live, reload };
}

/** Calls `action` whenever the feed reports a change of `what`. */
export function useChange(what: Changed, action: () => void): void {
  useFeed("changed", (event) => event.what.includes(what) && action());
}

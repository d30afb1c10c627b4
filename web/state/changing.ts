/** What people change by hand, here or elsewhere: asked for, and again when the feed tells that it has changed. */

import { type Signal, useSignal } from "@preact/signals";
import type { Changed } from "../../api/mod.ts";
import { isFed, useFeed } from "./feed.ts";
import { type Live, useLive } from "./live.ts";

/** Without the feed. */
const REFRESH_MS = 15_000;
/** With it, once would do; this mends what may have been missed. */
const REFRESH_FED_MS = 60_000;

export interface Changing<T> {
  live: Signal<Live<T>>;
  /** Asks again at once: the reader has changed it here. */
  again: () => void;
}

export function useChanging<T>(
  what: Changed,
  load: (signal: AbortSignal) => Promise<T>,
): Changing<T> {
  const changes = useSignal(0);
  const again = () => {
    changes.value++;
  };
  useChange(what, again);
  const live = useLive(load, isFed.value ? REFRESH_FED_MS : REFRESH_MS, [changes.value]);
  return { live, again };
}

/** Calls `action` when somebody has changed that. */
export function useChange(what: Changed, action: () => void): void {
  useFeed("changed", (told) => told.what.includes(what) && action());
}

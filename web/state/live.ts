/** Data that is polled while its page is visible. */

import { useEffect, useRef } from "preact/hooks";
import { type ReadonlySignal, type Signal, signal, useSignal } from "@preact/signals";
import { ApiError } from "../api.ts";
import { lostSinceMs } from "./connection.ts";

export interface Live<T> {
  /** The last answer; kept while the gateway is unreachable. */
  data: T | null;
  /** When `data` arrived, by this browser's clock. */
  atMs: number;
  /** Why the last request failed; null once one succeeds. */
  error: ApiError | null;
}

/**
 * Calls `load` now and `everyMs` after each answer, while the component is mounted and the tab is
 * visible. Loads at once when the tab becomes visible again, and when one of `keys` has changed.
 * With null for `everyMs` nothing is loaded. The caller may assign the returned signal to apply
 * changes that it learns of in between.
 */
export function useLive<T>(
  load: (signal: AbortSignal) => Promise<T>,
  everyMs: number | null,
  keys: readonly unknown[] = [],
): Signal<Live<T>> {
  const live = useSignal<Live<T>>({ data: null, atMs: 0, error: null });
  const loader = useRef(load);
  loader.current = load;

  useEffect(() => {
    if (everyMs === null) return;
    let watch: AbortController | null = null;
    const follow = () => {
      watch?.abort();
      watch = document.hidden ? null : new AbortController();
      if (watch) poll(() => loader.current, live, everyMs, watch.signal);
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    // Load again as soon as an unreachable gateway is back.
    const stop = lostSinceMs.subscribe((lost) => {
      if (lost === null && live.peek().error?.code === "unreachable") follow();
    });
    return () => {
      stop();
      document.removeEventListener("visibilitychange", follow);
      watch?.abort();
    };
  }, [everyMs, ...keys]);

  return live;
}

async function poll<T>(
  loader: () => (signal: AbortSignal) => Promise<T>,
  live: { value: Live<T>; peek(): Live<T> },
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const data = await loader()(signal);
      live.value = { data, atMs: Date.now(), error: null };
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      live.value = { ...live.peek(), error };
    }
    await pause(everyMs, signal);
  }
}

/** Resolves after so long, or when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

let ticker: ReturnType<typeof setInterval> | undefined;

/** This browser's time, updated once a second while a component shows an age or a countdown. */
export const now: ReadonlySignal<number> = signal(Date.now(), {
  watched() {
    this.value = Date.now();
    ticker = setInterval(() => this.value = Date.now(), 1000);
  },
  unwatched() {
    clearInterval(ticker);
  },
});

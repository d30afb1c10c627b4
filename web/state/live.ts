/** Data that is asked for again and again while someone looks at it. */

import { useEffect, useRef } from "preact/hooks";
import { type ReadonlySignal, type Signal, signal, useSignal } from "@preact/signals";
import { ApiError } from "../api.ts";
import { lostSinceMs } from "./connection.ts";

export interface Live<T> {
  /** The last answer; kept while the gateway cannot be reached. */
  data: T | null;
  /** When `data` came in, by this browser's clock. */
  atMs: number;
  /** Why the last try failed; null once one succeeds. */
  error: ApiError | null;
}

/**
 * Calls `load` now and `everyMs` after each answer, for as long as the component is mounted and the
 * tab is visible. A hidden tab asks nothing; when it is shown again it asks at once, and so it does
 * when one of `keys` has changed: `load` then asks something else. Null for `everyMs` asks nothing:
 * what is to be known comes another way. Whoever hears of changes in between may move the answer on.
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
    // What failed for want of a gateway is asked for again as soon as there is one.
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

function pause(ms: number, signal: AbortSignal): Promise<void> {
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

/** This browser's time, moved once a second while something on screen shows an age or a countdown. */
export const now: ReadonlySignal<number> = signal(Date.now(), {
  watched() {
    this.value = Date.now();
    ticker = setInterval(() => this.value = Date.now(), 1000);
  },
  unwatched() {
    clearInterval(ticker);
  },
});

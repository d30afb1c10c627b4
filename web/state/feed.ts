/**
 * The live feed of changes on the gateway: one connection for the whole page. The connection is open
 * while a user is signed in, the tab is visible, and at least one component subscribes.
 */

import { base } from "../base.ts";
import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { LiveEvents } from "../../api/mod.ts";
import { session } from "./session.ts";

/** `off`: no subscriber, or no session. `broken`: the connection failed, and pages poll instead. */
type FeedState = "off" | "opening" | "open" | "broken";

type Name = keyof LiveEvents;
type Listener<N extends Name> = (data: LiveEvents[N]) => void;

/** Delay before a refused stream is opened again; a lost connection is reopened by the browser itself. */
const REOPEN_MS = 5000;

const state = signal<FeedState>("off");
const listeners = new Map<Name, Set<Listener<never>>>();
const isWanted = signal(false);
const isVisible = signal(!document.hidden);

/** Whether the feed is open or opening, so that pages need not poll. */
export const isFed: ReadonlySignal<boolean> = computed(() =>
  state.value === "open" || state.value === "opening"
);

document.addEventListener("visibilitychange", () => isVisible.value = !document.hidden);

/** Depends only on the session's state, because the user's totals in it change with every call. */
const shouldOpen = computed(() =>
  isWanted.value && isVisible.value && session.value.state === "in"
);

effect(() => {
  state.value = shouldOpen.value ? "opening" : "off";
  return shouldOpen.value ? open() : undefined;
});

/** Subscribes to one kind of event until the returned function is called. */
function subscribe<N extends Name>(name: N, listener: Listener<N>): () => void {
  const subscribers = listeners.get(name) ?? new Set();
  listeners.set(name, subscribers.add(listener));
  isWanted.value = true;
  return () => {
    subscribers.delete(listener);
    // Deferred, because the next page subscribes in the same task.
    setTimeout(() => isWanted.value = [...listeners.values()].some(({ size }) => size > 0));
  };
}

/** Subscribes to one kind of event while the component is mounted. */
export function useFeed<N extends Name>(name: N, listener: Listener<N>): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => subscribe(name, (data) => latest.current(data)), [name]);
}

const names: readonly Name[] = [
  "snapshot",
  "network",
  "node",
  "node_gone",
  "load",
  "call",
  "usage",
  "changed",
  "session_over",
];

/** Opens the stream; the returned function closes it. */
function open(): () => void {
  const source = new EventSource(`${base}/api/live`);
  let reopening: ReturnType<typeof setTimeout> | undefined;
  let close = () => source.close();
  source.addEventListener("open", () => state.value = "open");
  source.addEventListener("error", () => {
    state.value = "broken";
    if (source.readyState !== EventSource.CLOSED) return;
    reopening ??= setTimeout(() => close = open(), REOPEN_MS);
  });
  for (const name of names) {
    source.addEventListener(name, ({ data }: MessageEvent<string>) => dispatch(name, data));
  }
  source.addEventListener("session_over", () => source.close());
  return () => {
    clearTimeout(reopening);
    close();
  };
}

function dispatch(name: Name, data: string): void {
  const subscribers = listeners.get(name);
  if (!subscribers || subscribers.size === 0) return;
  const value = JSON.parse(data) as never;
  for (const listener of subscribers) listener(value);
}

/**
 * What changes on the gateway, as it changes: one connection for everything on the page. It is there
 * while somebody is signed in, looks at the tab, and something on the page listens.
 */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { LiveEvents } from "../../api/mod.ts";
import { session } from "./session.ts";

/** `off`: nobody listens, or may. `broken`: it should be there and is not; pages then ask by themselves. */
type FeedState = "off" | "opening" | "open" | "broken";

type Name = keyof LiveEvents;
type Listener<N extends Name> = (data: LiveEvents[N]) => void;

/** A gateway that refused the stream is asked again after this long; a lost one the browser dials itself. */
const REOPEN_MS = 5000;

const state = signal<FeedState>("off");
const listeners = new Map<Name, Set<Listener<never>>>();
const isWanted = signal(false);
const isSeen = signal(!document.hidden);

/** Whether changes are told, or will be in a moment: pages need not ask again and again. */
export const isFed: ReadonlySignal<boolean> = computed(() =>
  state.value === "open" || state.value === "opening"
);

document.addEventListener("visibilitychange", () => isSeen.value = !document.hidden);

/** Of the session only this: its user's figures change all the time. */
const isThere = computed(() => isWanted.value && isSeen.value && session.value.state === "in");

effect(() => {
  state.value = isThere.value ? "opening" : "off";
  return isThere.value ? open() : undefined;
});

/** Hears one kind of event until the returned function is called. */
export function listen<N extends Name>(name: N, listener: Listener<N>): () => void {
  const some = listeners.get(name) ?? new Set();
  listeners.set(name, some.add(listener));
  isWanted.value = true;
  return () => {
    some.delete(listener);
    // The next page is drawn in a moment, and will want it too.
    setTimeout(() => isWanted.value = [...listeners.values()].some(({ size }) => size > 0));
  };
}

/** Hears one kind of event while the component is on the page. */
export function useFeed<N extends Name>(name: N, listener: Listener<N>): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => listen(name, (data) => latest.current(data)), [name]);
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
  const source = new EventSource("/api/live");
  let reopening: ReturnType<typeof setTimeout> | undefined;
  let close = () => source.close();
  source.addEventListener("open", () => state.value = "open");
  source.addEventListener("error", () => {
    state.value = "broken";
    if (source.readyState !== EventSource.CLOSED) return;
    reopening ??= setTimeout(() => close = open(), REOPEN_MS);
  });
  for (const name of names) {
    source.addEventListener(name, ({ data }: MessageEvent<string>) => tell(name, data));
  }
  source.addEventListener("session_over", () => source.close());
  return () => {
    clearTimeout(reopening);
    close();
  };
}

function tell(name: Name, data: string): void {
  const heard = listeners.get(name);
  if (!heard || heard.size === 0) return;
  const value = JSON.parse(data) as never;
  for (const listener of heard) listener(value);
}

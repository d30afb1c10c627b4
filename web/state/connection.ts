/** Whether the gateway can be reached, by the last request to it. */

import { type ReadonlySignal, signal } from "@preact/signals";

const lost = signal<number | null>(null);
let reachedAtMs = Date.now();

/** While the gateway is unreachable: when it last answered, by this browser's clock. Null while it is reachable. */
export const lostSinceMs: ReadonlySignal<number | null> = lost;

/** Called after each request to the gateway. */
export function noteReached(isReached: boolean, nowMs: number = Date.now()): void {
  if (isReached) reachedAtMs = nowMs;
  lost.value = isReached ? null : reachedAtMs;
}

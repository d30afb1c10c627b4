/** Whether the gateway can be reached, as far as the last question to it told. */

import { type ReadonlySignal, signal } from "@preact/signals";

const lost = signal<number | null>(null);
let reachedAtMs = Date.now();

/** When it was reached last, by this browser's clock, while it cannot be; null: it can. */
export const lostSinceMs: ReadonlySignal<number | null> = lost;

/** Told by whoever asks the gateway, after each question. */
export function noteReached(isReached: boolean, nowMs: number = Date.now()): void {
  if (isReached) reachedAtMs = nowMs;
  lost.value = isReached ? null : reachedAtMs;
}

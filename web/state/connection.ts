/** Whether the gateway can be reached, as far as the last question to it told. */

import { type ReadonlySignal, signal } from "@preact/signals";

const lost = signal<number | null>(null);

/** Since when it cannot, by this browser's clock; null: it can. */
export const lostSinceMs: ReadonlySignal<number | null> = lost;

/** Told by whoever asks the gateway, after each question. */
export function noteReached(isReached: boolean, nowMs: number = Date.now()): void {
  if (isReached) lost.value = null;
  else lost.value ??= nowMs;
}

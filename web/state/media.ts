/** What CSS alone cannot decide, because it depends on what is shown. */

import { type ReadonlySignal, signal } from "@preact/signals";

/** Whether the window fits the media query now. */
export function media(query: string): ReadonlySignal<boolean> {
  const list = matchMedia(query);
  const isMatched = signal(list.matches);
  list.addEventListener("change", () => isMatched.value = list.matches);
  return isMatched;
}

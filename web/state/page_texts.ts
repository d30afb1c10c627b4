/** Texts of one page, which come with the page's code: the first view carries those of every page's frame alone. */

import { computed, type ReadonlySignal } from "@preact/signals";
import { type Locale, locale } from "./locale.ts";

/** In the chosen language. */
export function pageTexts<T>(texts: Readonly<Record<Locale, T>>): ReadonlySignal<T> {
  return computed(() => texts[locale.value]);
}

/** Phrases of the node's program in the chosen language. They are loaded once the first is shown. */

import { signal } from "@preact/signals";
import { locale } from "./locale.ts";

type Translate = (text: string) => string;

/** Null: not loaded. */
const inChinese = signal<Translate | null>(null);
let loading: Promise<void> | null = null;
/** Lists show the same ones again each second. */
const known = new Map<string, string>();
const MAX_KNOWN = 200;

/** In English until the other language has come, or where the text is no phrase. */
export function phraseText(text: string): string {
  if (locale.value !== "zh-CN") return text;
  if (inChinese.value === null) {
    void phrasesLoaded();
    return text;
  }
  const found = known.get(text);
  if (found !== undefined) return found;
  const shown = inChinese.value(text);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(text, shown);
  return shown;
}

/** Resolves when they have come, or cannot be had now. */
export function phrasesLoaded(): Promise<void> {
  return loading ??= import("../i18n/zh/phrases.ts")
    .then(({ inChinese: translate }) => void (inChinese.value = translate))
    .catch(() => void (loading = null));
}

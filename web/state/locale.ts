/** The language of the console, and everything that is written in it. */

import { computed, effect } from "@preact/signals";
import { en, type Messages } from "../i18n/en.ts";
import { zh } from "../i18n/zh.ts";
import { kept } from "./kept.ts";

const languages = { en, "zh-CN": zh } as const satisfies Record<string, Messages>;
export type Locale = keyof typeof languages;

/** The chosen language; at first the browser's. */
export const locale = kept<Locale>(
  "locale",
  (text) => (text ?? navigator.language).toLowerCase().startsWith("zh") ? "zh-CN" : "en",
);

/** Every text of the console in the chosen language. */
export const messages = computed<Messages>(() => languages[locale.value]);

/** The one that a switch leads to. */
export function otherLocale(): Locale {
  return locale.value === "en" ? "zh-CN" : "en";
}

effect(() => {
  document.documentElement.lang = locale.value;
});

const numbers = computed(() => new Intl.NumberFormat(locale.value));
const moments = computed(() =>
  new Intl.DateTimeFormat(locale.value, { dateStyle: "medium", timeStyle: "short" })
);
const days = computed(() => new Intl.DateTimeFormat(locale.value, { dateStyle: "long" }));
const ages = computed(() => new Intl.RelativeTimeFormat(locale.value, { numeric: "auto" }));

export function formatNumber(value: number): string {
  return numbers.value.format(value);
}

/** Day and time of a UTC millisecond, in the reader's zone. */
export function formatMoment(atMs: number): string {
  return moments.value.format(atMs);
}

export function formatDay(atMs: number): string {
  return days.value.format(atMs);
}

/** "5 minutes ago", in the largest unit that fits. */
export function formatAge(ageMs: number): string {
  const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]] as const;
  for (const [unit, lengthMs] of units) {
    if (ageMs >= lengthMs) return ages.value.format(-Math.floor(ageMs / lengthMs), unit);
  }
  return ages.value.format(-Math.max(0, Math.floor(ageMs / 1000)), "second");
}

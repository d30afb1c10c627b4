/** The language of the console, and everything that is written in it. */

import { computed, effect } from "@preact/signals";
import { en, type Messages } from "../i18n/en.ts";
import { zh } from "../i18n/zh.ts";
import { kept } from "./kept.ts";

const languages = { en, "zh-CN": zh } as const satisfies Record<string, Messages>;
export type Locale = keyof typeof languages;
export const locales = Object.keys(languages) as readonly Locale[];
/** Each in its own words. */
export const languageNames: Readonly<Record<Locale, string>> = { en: "English", "zh-CN": "中文" };

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

const DAY_MS = 86_400_000;

/** A moment on a chart's axis: as exact as a span of `spanMs` asks for, the day too where `isWhole`. */
export function formatClock(atMs: number, spanMs: number, isWhole: boolean): string {
  if (spanMs > 2 * DAY_MS) return clocks.value.day.format(atMs);
  return (isWhole ? clocks.value.whole : clocks.value.time).format(atMs);
}

const clocks = computed(() => ({
  day: new Intl.DateTimeFormat(locale.value, { month: "short", day: "numeric" }),
  time: new Intl.DateTimeFormat(locale.value, { hour: "2-digit", minute: "2-digit" }),
  whole: new Intl.DateTimeFormat(locale.value, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  }),
}));

const compact = computed(() =>
  new Intl.NumberFormat(locale.value, { notation: "compact", maximumFractionDigits: 1 })
);
const shares = computed(() =>
  new Intl.NumberFormat(locale.value, { style: "percent", maximumFractionDigits: 1 })
);

/** "1.2K": where there is little room. */
export function formatShort(value: number): string {
  return compact.value.format(value);
}

/** Of 1: "2.5%" */
export function formatShare(value: number): string {
  return shares.value.format(value);
}

/** "840 ms", "1.2 s", "2 min": as long as something took. */
export function formatDuration(ms: number): string {
  const [value, unit] = ms < 1000
    ? [Math.round(ms), "millisecond"]
    : ms < 120_000
    ? [Math.round(ms / 100) / 10, "second"]
    : [Math.round(ms / 60_000), "minute"];
  return new Intl.NumberFormat(locale.value, { style: "unit", unit, unitDisplay: "short" })
    .format(value);
}

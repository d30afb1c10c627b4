/** The language of the console, its texts, and its formats of numbers and times. */

import { computed, effect, signal } from "@preact/signals";
import { en, type Messages } from "../i18n/en.ts";
import { kept } from "./kept.ts";
import { zone } from "./zone.ts";

/** English is part of the console's first file; other languages come when they are chosen. */
const languages = {
  en: () => Promise.resolve<Messages>(en),
  "zh-CN": () => import("../i18n/zh.ts").then(({ zh }): Messages => zh),
} as const;
export type Locale = keyof typeof languages;
export const locales = Object.keys(languages) as readonly Locale[];
/** Each language's name in that language. */
export const languageNames: Readonly<Record<Locale, string>> = { en: "English", "zh-CN": "中文" };

/** The chosen language; the browser's by default. */
export const locale = kept<Locale>(
  "locale",
  (text) => (text ?? navigator.language).toLowerCase().startsWith("zh") ? "zh-CN" : "en",
);

const loaded = signal<Partial<Record<Locale, Messages>>>({ en });

/** Every text of the console in the chosen language; in English until that has come. */
export const messages = computed<Messages>(() => loaded.value[locale.value] ?? en);

/** Waits before a language is asked for again: a gateway that restarts is back within these. */
const RETRIES_MS = [500, 2_000, 5_000];

/** Resolves when the texts of the chosen language are there, or cannot be loaded now. */
export async function languageLoaded(wanted: Locale = locale.peek()): Promise<void> {
  for (const waitMs of [...RETRIES_MS, 0]) {
    if (loaded.peek()[wanted] !== undefined) return;
    try {
      const texts = await languages[wanted]();
      loaded.value = { ...loaded.peek(), [wanted]: texts };
    } catch {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

effect(() => void languageLoaded(locale.value));

/** The language that the switch changes to. */
export function otherLocale(): Locale {
  return locale.value === "en" ? "zh-CN" : "en";
}

effect(() => {
  document.documentElement.lang = locale.value;
});

/** A format in the chosen language and time zone. */
function inZone(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locale.value, { ...options, timeZone: zone.value });
}

const numbers = computed(() => new Intl.NumberFormat(locale.value));
const moments = computed(() => inZone({ dateStyle: "medium", timeStyle: "short" }));
const days = computed(() => inZone({ dateStyle: "long" }));
const ages = computed(() => new Intl.RelativeTimeFormat(locale.value, { numeric: "auto" }));

export function formatNumber(value: number): string {
  return numbers.value.format(value);
}

/** Day and time of a UTC millisecond, in the chosen time zone. */
export function formatMoment(atMs: number): string {
  return moments.value.format(atMs);
}

export function formatDay(atMs: number): string {
  return days.value.format(atMs);
}

/** "5 minutes ago", in the largest unit that is reached. */
export function formatAge(ageMs: number): string {
  const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]] as const;
  for (const [unit, lengthMs] of units) {
    if (ageMs >= lengthMs) return ages.value.format(-Math.floor(ageMs / lengthMs), unit);
  }
  return ages.value.format(-Math.max(0, Math.floor(ageMs / 1000)), "second");
}

/** Chinese hours line up in a column only with two digits. */
const hour = computed(() => locale.value === "en" ? "numeric" : "2-digit");

const recents = computed(() => ({
  withYear: moments.value,
  withoutYear: inZone({
    month: "short",
    day: "numeric",
    hour: hour.value,
    minute: "2-digit",
  }),
}));

const years = computed(() => inZone({ year: "numeric" }));

/** Like `formatMoment`, without the current year: for lists. */
export function formatRecent(atMs: number, nowMs: number = Date.now()): string {
  const isThisYear = years.value.format(atMs) === years.value.format(nowMs);
  return recents.value[isThisYear ? "withoutYear" : "withYear"].format(atMs);
}

const exacts = computed(() =>
  inZone({
    month: "short",
    day: "numeric",
    hour: hour.value,
    minute: "2-digit",
    second: "2-digit",
  })
);

/** Like `formatRecent`, with the second, for lists in which many are of one minute. */
export function formatRecentExactly(atMs: number, nowMs: number = Date.now()): string {
  const isThisYear = years.value.format(atMs) === years.value.format(nowMs);
  return isThisYear ? exacts.value.format(atMs) : formatRecent(atMs, nowMs);
}

const clocks = computed(() => ({
  day: inZone({ month: "short", day: "numeric" }),
  time: inZone({ hour: hour.value, minute: "2-digit" }),
}));

/** "Nov 23": a day without its year. */
export function formatShortDay(atMs: number): string {
  return clocks.value.day.format(atMs);
}

/** "10:24 AM": a moment without its day. */
export function formatTime(atMs: number): string {
  return clocks.value.time.format(atMs);
}

const compact = computed(() =>
  new Intl.NumberFormat(locale.value, { notation: "compact", maximumFractionDigits: 1 })
);
const shares = computed(() =>
  new Intl.NumberFormat(locale.value, { style: "percent", maximumFractionDigits: 1 })
);

/** Below this, a number with all its digits is as short as a rounded one. */
const COMPACT_FROM = 10_000;

/** "12.3K": for places with little room. */
export function formatShort(value: number): string {
  return (Math.abs(value) < COMPACT_FROM ? numbers : compact).value.format(value);
}

/** `0.025` → "2.5%" */
export function formatShare(value: number): string {
  return shares.value.format(value);
}

/** "a, b, c": Intl.ListFormat would put "and" before the last, or nothing at all between Chinese items. */
export function formatList(items: readonly string[]): string {
  return items.join(messages.value.separator);
}

/** "840 ms", "1.2 s", "2 min" */
export function formatDuration(ms: number): string {
  const { duration } = messages.value;
  if (ms < 1000) return duration.ms(Math.round(ms));
  return ms < 120_000
    ? duration.s(Math.round(ms / 100) / 10)
    : duration.min(Math.round(ms / 60_000));
}

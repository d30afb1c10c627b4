/** The time zone in which the console shows times and cuts days. */

import { computed } from "@preact/signals";
import { kept } from "./kept.ts";

/** As the settings have it; empty: the browser's. */
export const chosenZone = kept("zone", (text) => (text !== null && isZone(text) ? text : ""));

/** Read once: browsers take it from the system. */
const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;

export const zone = computed(() => chosenZone.value || own);

/** The browser's zone. */
export function browserZone(): string {
  return own;
}

/** All zones that the browser knows by name. */
export function zones(): string[] {
  return Intl.supportedValuesOf("timeZone");
}

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

const DAY_MS = 86_400_000;

const clock = computed(() =>
  new Intl.DateTimeFormat("en-US", {
    timeZone: zone.value,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  })
);

/** A moment as the zone's clocks show it, as if it were UTC. */
export function localTime(atMs: number): number {
  const parts = clock.value.formatToParts(atMs);
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    Number(parts.find((one) => one.type === type)?.value);
  return Date.UTC(
    part("year"),
    part("month") - 1,
    part("day"),
    part("hour"),
    part("minute"),
    part("second"),
  );
}

/** When the day of that date begins in the zone: `dayMs` is its midnight as if it were UTC. */
export function startOfDay(dayMs: number): number {
  const offset = (atMs: number) => localTime(atMs) - atMs;
  const [before, after] = [offset(dayMs - DAY_MS), offset(dayMs + DAY_MS)];
  const start = [before, after].map((ms) => dayMs - ms).find((atMs) => localTime(atMs) === dayMs);
  // Where clocks skip midnight, the day begins when they do.
  return start ?? dayMs - before;
}

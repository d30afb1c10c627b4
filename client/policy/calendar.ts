/** When the owner's hours hold, in the machine's local time. */

import type { Hours } from "../config/policy_units.ts";

/** A moment as a clock on the wall shows it. */
export interface LocalTime {
  /** 0 is Sunday. */
  day: number;
  /** After midnight. */
  minute: number;
  /** Of the month, which tells a day from the same one of another week. */
  date: number;
}

/** The local time of a moment in UTC milliseconds. */
export type ToLocal = (utcMs: number) => LocalTime;

/** As the machine's own time zone has it. */
export const machineTime: ToLocal = (utcMs) => {
  const date = new Date(utcMs);
  const minute = date.getHours() * 60 + date.getMinutes();
  return { day: date.getDay(), minute, date: date.getDate() };
};

const MINUTE_MS = 60_000;
/** Every weekly rule has held, or ceased to, within this time. */
const HORIZON_MINUTES = 8 * 24 * 60;

/** Whether any of the hours holds. */
export function isWithin(
  hours: readonly Hours[],
  { day, minute }: Pick<LocalTime, "day" | "minute">,
): boolean {
  const yesterday = (day + 6) % 7;
  return hours.some(({ days, startMinute, endMinute }) => {
    if (startMinute < endMinute) {
      return days.has(day) && minute >= startMinute && minute < endMinute;
    }
    return (days.has(day) && minute >= startMinute) || (days.has(yesterday) && minute < endMinute);
  });
}

/** The first minute of the next day, in UTC milliseconds. */
export function nextMidnight(fromMs: number, toLocal: ToLocal): number {
  const { date } = toLocal(fromMs);
  const firstMs = Math.ceil((fromMs + 1) / MINUTE_MS) * MINUTE_MS;
  for (let minute = 0;; minute++) {
    const utcMs = firstMs + minute * MINUTE_MS;
    if (toLocal(utcMs).date !== date) return utcMs;
  }
}

/** The next full minute, in UTC milliseconds, at which all of the lists hold; null: there is none within a week. */
export function nextWithin(
  lists: readonly (readonly Hours[])[],
  fromMs: number,
  toLocal: ToLocal,
): number | null {
  const firstMs = Math.ceil(fromMs / MINUTE_MS) * MINUTE_MS;
  // Each minute is looked up by itself, so that changes to and from daylight saving time are right.
  for (let minute = 0; minute < HORIZON_MINUTES; minute++) {
    const utcMs = firstMs + minute * MINUTE_MS;
    const local = toLocal(utcMs);
    if (lists.every((hours) => isWithin(hours, local))) return utcMs;
  }
  return null;
}

/** A day in the browser's time zone, as written in the page's address. */

import type { CallFilter } from "../../../api/mod.ts";

/** From midnight to the next midnight; empty, meaning any time, for text that is no date such as `2026-11-23`. */
export function dayOf(text: string): Pick<CallFilter, "from" | "to"> {
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00`) : new Date(NaN);
  if (Number.isNaN(day.getTime())) return {};
  const from = day.getTime();
  // Days may have 23 or 25 hours.
  day.setDate(day.getDate() + 1);
  return { from, to: day.getTime() };
}

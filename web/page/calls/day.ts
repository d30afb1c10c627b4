/** One day by this browser's calendar, as the page's address has it. */

import type { CallFilter } from "../../../api/mod.ts";

/** From its first moment to the next day's; of anything but `2026-11-23` nothing, which is any time. */
export function dayOf(text: string): Pick<CallFilter, "from" | "to"> {
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00`) : new Date(NaN);
  if (Number.isNaN(day.getTime())) return {};
  const from = day.getTime();
  // Days may have 23 or 25 hours.
  day.setDate(day.getDate() + 1);
  return { from, to: day.getTime() };
}

/** A day in the viewer's time zone, as written in the page's address. */

import type { CallFilter } from "../../../api/mod.ts";
import { startOfDay } from "../../state/zone.ts";

const DAY_MS = 86_400_000;

/** From midnight to the next midnight; empty, meaning any time, for text that is no date such as `2026-11-23`. */
export function dayOf(text: string): Pick<CallFilter, "from" | "to"> {
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00Z`) : Number.NaN;
  if (Number.isNaN(day)) return {};
  // Days may have 23 or 25 hours.
  return { from: startOfDay(day), to: startOfDay(day + DAY_MS) };
}

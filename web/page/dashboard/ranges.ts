/** The dashboard's time ranges, by their names in its address. */

export const rangeNames = ["15m", "1h", "24h", "7d", "30d", "90d"] as const;
export type RangeName = typeof rangeNames[number];

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export const rangeMs: Readonly<Record<RangeName, number>> = {
  "15m": 15 * MINUTE_MS,
  "1h": 60 * MINUTE_MS,
  "24h": DAY_MS,
  "7d": 7 * DAY_MS,
  "30d": 30 * DAY_MS,
  "90d": 90 * DAY_MS,
};

/** Default: a day. */
export function rangeOf(name: string): RangeName {
  return rangeNames.find((one) => one === name) ?? "24h";
}

/** Days of a time zone, of which some have 23 or 25 hours. Times are UTC milliseconds. */

import { DAY_MS, HOUR_MS, MINUTE_MS } from "./clock.ts";
import { ColinkError } from "./error.ts";

/** From then on the zone's clocks are so far ahead of UTC. */
export interface ZoneOffset {
  from: number;
  offsetMs: number;
}

/** Clocks change at least this far apart. */
const SAMPLE_MS = 3 * DAY_MS;

const MAX_ZONES = 100;
const formats = new Map<string, Intl.DateTimeFormat>();

/** The offsets of a zone between two times, the first from the beginning of time. */
export class TimeZone {
  readonly offsets: readonly ZoneOffset[];

  /** Throws `invalid_request` for a name that is no time zone, such as those of IANA. */
  constructor(name: string, from: number, to: number) {
    const format = formatOf(name);
    const offsets = [{ from: -Infinity, offsetMs: offsetAt(format, from - DAY_MS) }];
    for (let at = from - DAY_MS; at < to + DAY_MS; at += SAMPLE_MS) {
      const next = at + SAMPLE_MS;
      const offsetMs = offsetAt(format, next);
      if (offsetMs === offsets.at(-1)!.offsetMs) continue;
      offsets.push({ from: changeBetween(format, at, next), offsetMs });
    }
    this.offsets = offsets;
  }

  /** The number of the local day in which that moment is, counted from 1970. */
  dayOf(at: number): number {
    const { offsetMs } = this.offsets.findLast(({ from }) => from <= at)!;
    return Math.floor((at + offsetMs) / DAY_MS);
  }

  /** When a local day begins: midnight, or the first moment after it where clocks skip midnight. */
  startOf(day: number): number {
    for (const [i, { from, offsetMs }] of this.offsets.entries()) {
      const start = Math.max(day * DAY_MS - offsetMs, from);
      if (start < (this.offsets[i + 1]?.from ?? Infinity)) return start;
    }
    throw new Error("no offset is in force");
  }
}

/** The first hour that begins then or later. An hour belongs to the local day in which it begins. */
export function wholeHour(at: number): number {
  return Math.ceil(at / HOUR_MS) * HOUR_MS;
}

/** Throws `invalid_request`. */
function formatOf(name: string): Intl.DateTimeFormat {
  const known = formats.get(name);
  if (known !== undefined) return known;
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    // There are some six hundred zones: a caller that asks for all of them in turn has each created again.
    if (formats.size >= MAX_ZONES) formats.clear();
    formats.set(name, format);
    return format;
  } catch (cause) {
    throw new ColinkError(
      "invalid_request",
      `Cannot use the time zone ${
        JSON.stringify(name.slice(0, 60))
      }: expected a name such as Asia/Shanghai`,
      { param: "zone", cause, problem: { code: "not_allowed" } },
    );
  }
}

function offsetAt(format: Intl.DateTimeFormat, at: number): number {
  const whole = Math.floor(at / 1000) * 1000;
  const parts = format.formatToParts(whole);
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    Number(parts.find((one) => one.type === type)?.value);
  const local = Date.UTC(
    part("year"),
    part("month") - 1,
    part("day"),
    part("hour"),
    part("minute"),
    part("second"),
  );
  return local - whole;
}

/** When the offset at `before` ends, to the minute. */
function changeBetween(format: Intl.DateTimeFormat, before: number, after: number): number {
  const offsetMs = offsetAt(format, before);
  let [low, high] = [Math.floor(before / MINUTE_MS), Math.ceil(after / MINUTE_MS)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(format, middle * MINUTE_MS) === offsetMs) low = middle;
    else high = middle;
  }
  return high * MINUTE_MS;
}

/** The local time of a zone, whatever the zone of the machine that runs the test. */

import type { ToLocal } from "../calendar.ts";

const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

export function zoneTime(timeZone: string): ToLocal {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    weekday: "short",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  return (utcMs) => {
    const parts = new Map(format.formatToParts(utcMs).map(({ type, value }) => [type, value]));
    return {
      day: dayNames.indexOf(parts.get("weekday")!),
      minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")),
      date: Number(parts.get("day")),
    };
  };
}

/** Days of time zones: their beginnings, and the hours that they have. */

import { expect, test } from "bun:test";
import { HOUR_MS } from "./clock.ts";
import { TimeZone } from "./time_zone.ts";

const YEAR: [from: number, to: number] = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)];

/** When the day of that date begins, and how many hours it has. */
function day(zone: string, date: string): [start: string, hours: number] {
  const days = new TimeZone(zone, ...YEAR);
  const number = Date.parse(`${date}T00:00Z`) / (24 * HOUR_MS);
  const [start, end] = [days.startOf(number), days.startOf(number + 1)];
  expect([days.dayOf(start), days.dayOf(end - 1), days.dayOf(end)])
    .toEqual([number, number, number + 1]);
  return [new Date(start).toISOString().replace(":00.000", ""), (end - start) / HOUR_MS];
}

test("days begin at midnight of the zone, also those of half and quarter hours", () => {
  expect(day("UTC", "2026-03-08")).toEqual(["2026-03-08T00:00Z", 24]);
  expect(day("Asia/Shanghai", "2026-03-08")).toEqual(["2026-03-07T16:00Z", 24]);
  expect(day("Asia/Kolkata", "2026-03-08")).toEqual(["2026-03-07T18:30Z", 24]);
  expect(day("Asia/Kathmandu", "2026-03-08")).toEqual(["2026-03-07T18:15Z", 24]);
  expect(day("Pacific/Kiritimati", "2026-03-08")).toEqual(["2026-03-07T10:00Z", 24]);
});

test("the day on which clocks go forward has 23 hours, the day on which they go back 25", () => {
  expect(day("America/New_York", "2026-03-08")).toEqual(["2026-03-08T05:00Z", 23]);
  expect(day("America/New_York", "2026-03-09")).toEqual(["2026-03-09T04:00Z", 24]);
  expect(day("America/New_York", "2026-11-01")).toEqual(["2026-11-01T04:00Z", 25]);
  expect(day("Europe/Berlin", "2026-03-29")).toEqual(["2026-03-28T23:00Z", 23]);
  expect(day("Europe/Berlin", "2026-10-25")).toEqual(["2026-10-24T22:00Z", 25]);
  expect(day("Australia/Lord_Howe", "2026-04-05")).toEqual(["2026-04-04T13:00Z", 24.5]);
});

test("a day whose midnight is skipped begins with the moment after it", () => {
  expect(day("America/Havana", "2026-03-08")).toEqual(["2026-03-08T05:00Z", 23]);
});

test("every day of a year follows the one before it", () => {
  for (const zone of ["America/New_York", "Africa/Casablanca", "Europe/London", "Asia/Tehran"]) {
    const days = new TimeZone(zone, ...YEAR);
    const first = days.dayOf(YEAR[0]);
    for (let number = first; number < first + 365; number++) {
      const start = days.startOf(number);
      expect([zone, days.dayOf(start), days.dayOf(start - 1)]).toEqual([zone, number, number - 1]);
    }
  }
});

test("what is no time zone is refused", () => {
  for (const name of ["", "Mars/Olympus", "'; drop table usage", "x".repeat(300)]) {
    expect(() => new TimeZone(name, ...YEAR)).toThrow("Cannot use the time zone");
  }
});

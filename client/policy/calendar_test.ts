import { describe, expect, test } from "bun:test";
import { parseHours } from "../config/policy_units.ts";
import { isWithin, nextMidnight, nextWithin, type ToLocal } from "./calendar.ts";
import { zoneTime } from "./testing/zone_time.ts";

const berlin = zoneTime("Europe/Berlin");
const hours = (...texts: string[]) => texts.map((text) => parseHours(text)!);
const at = (iso: string) => Date.parse(iso);

function holds(rules: ReturnType<typeof hours>, iso: string, toLocal: ToLocal = berlin): boolean {
  return isWithin(rules, toLocal(at(iso)));
}

describe("hours", () => {
  test("that cross midnight belong to the day on which they begin", () => {
    const nights = hours("mon-fri 19:00-07:00");
    // 2026-11-27 is a Friday; Berlin is one hour ahead of UTC.
    expect(holds(nights, "2026-11-27T17:59:00Z")).toBe(false);
    expect(holds(nights, "2026-11-27T18:00:00Z")).toBe(true);
    expect(holds(nights, "2026-11-28T05:59:00Z")).toBe(true);
    expect(holds(nights, "2026-11-28T06:00:00Z")).toBe(false);
    expect(holds(nights, "2026-11-28T20:00:00Z")).toBe(false);
    expect(holds(nights, "2026-11-30T05:00:00Z")).toBe(false);
  });

  test("hold where any line of the list does", () => {
    const list = hours("sat-sun", "22:00-06:00");
    expect(holds(list, "2026-11-28T12:00:00Z")).toBe(true);
    expect(holds(list, "2026-11-25T12:00:00Z")).toBe(false);
    expect(holds(list, "2026-11-25T22:00:00Z")).toBe(true);
  });

  test("follow the clock on the wall over a change to and from daylight saving time", () => {
    const mornings = hours("03:00-04:00");
    // On 2026-03-29 the clock goes from 02:00 to 03:00, on 2026-10-25 from 03:00 back to 02:00.
    expect(nextWithin([mornings], at("2026-03-29T00:30:00Z"), berlin))
      .toBe(at("2026-03-29T01:00:00Z"));
    expect(nextWithin([mornings], at("2026-10-25T00:30:00Z"), berlin))
      .toBe(at("2026-10-25T02:00:00Z"));
  });
});

test("the next moment is where all lists hold together, to the minute", () => {
  const lists = [hours("mon-fri"), hours("sun-mon 22:00-02:00")];
  expect(nextWithin(lists, at("2026-11-28T12:00:30Z"), berlin)).toBe(at("2026-11-29T23:00:00Z"));
});

test("there is no next moment where the lists never hold together", () => {
  expect(
    nextWithin([hours("sat-sun"), hours("mon 09:00-10:00")], at("2026-11-28T12:00:00Z"), berlin),
  )
    .toBeNull();
});

test("a day ends at local midnight, also when it has 23 or 25 hours", () => {
  expect(nextMidnight(at("2026-03-28T23:30:00Z"), berlin)).toBe(at("2026-03-29T22:00:00Z"));
  expect(nextMidnight(at("2026-10-24T22:30:00Z"), berlin)).toBe(at("2026-10-25T23:00:00Z"));
  expect(nextMidnight(at("2026-11-28T23:00:00Z"), berlin)).toBe(at("2026-11-29T23:00:00Z"));
});

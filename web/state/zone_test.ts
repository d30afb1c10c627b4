/// <reference types="bun" />
import { afterAll, afterEach, expect, test } from "bun:test";
import { installBrowser } from "../testing/browser.ts";

const { localStorage } = installBrowser();
const { chosenZone, browserZone, localTime, startOfDay, zone, zones } = await import("./zone.ts");
const { formatMoment, formatRecent, formatShortDay, formatTime, locale } = await import(
  "./locale.ts"
);
const { dayOf } = await import("../page/calls/day.ts");

afterEach(() => {
  chosenZone.value = "";
});

afterAll(() => localStorage.kept.clear());

test("the browser's zone holds until another is chosen", () => {
  expect(zone.value).toBe(browserZone());
  chosenZone.value = "Asia/Shanghai";
  expect(zone.value).toBe("Asia/Shanghai");
  expect(zones()).toContain("America/New_York");
});

test("times and days are shown in the chosen zone", () => {
  locale.value = "en";
  const at = Date.UTC(2026, 10, 23, 18, 30);
  chosenZone.value = "Asia/Shanghai";
  expect([formatShortDay(at), formatTime(at)]).toEqual(["Nov 24", "2:30 AM"]);
  chosenZone.value = "America/New_York";
  expect(formatMoment(at)).toBe("Nov 23, 2026, 1:30 PM");
  const newYear = Date.UTC(2027, 0, 1, 3);
  expect(formatRecent(newYear, Date.UTC(2027, 5, 1))).toContain("2026");
});

test("a day lasts from midnight to midnight of the zone, also where clocks change", () => {
  const hours = (text: string) => {
    const { from, to } = dayOf(text);
    return [new Date(from!).toISOString().slice(0, 16), (to! - from!) / 3_600_000];
  };
  chosenZone.value = "America/New_York";
  expect(hours("2026-03-08")).toEqual(["2026-03-08T05:00", 23]);
  expect(hours("2026-11-01")).toEqual(["2026-11-01T04:00", 25]);
  chosenZone.value = "Asia/Kolkata";
  expect(hours("2026-03-08")).toEqual(["2026-03-07T18:30", 24]);
  chosenZone.value = "America/Havana";
  expect(hours("2026-03-08")).toEqual(["2026-03-08T05:00", 23]);
});

test("a moment is what the zone's clocks show", () => {
  chosenZone.value = "Asia/Kathmandu";
  expect(localTime(Date.UTC(2026, 0, 1))).toBe(Date.UTC(2026, 0, 1, 5, 45));
  expect(startOfDay(Date.UTC(2026, 0, 1))).toBe(Date.UTC(2025, 11, 31, 18, 15));
});

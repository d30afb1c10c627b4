import { expect, test } from "bun:test";
import { installBrowser } from "../../testing/browser.ts";

installBrowser();
const { dayOf } = await import("./day.ts");

test("a day lasts from midnight to midnight in the browser's time zone", () => {
  const from = new Date(2026, 1, 28).getTime();
  expect(dayOf("2026-02-28")).toEqual({ from, to: new Date(2026, 2, 1).getTime() });
});

test("text that is no date means any time", () => {
  for (const text of ["", "today", "2026-13-01", "2026-11-23T10:00"]) {
    expect(dayOf(text)).toEqual({});
  }
});

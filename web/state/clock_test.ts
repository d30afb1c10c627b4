import { afterEach, expect, test } from "bun:test";
import { noteServerDate, serverNow } from "./clock.ts";

const date = "Sun, 29 Nov 2026 12:00:00 GMT";
const dateMs = Date.parse(date);

afterEach(() => noteServerDate(new Date().toUTCString()));

test("the gateway's time runs on from its last answer, whatever the browser's clock says", () => {
  noteServerDate(date, 5_000);
  expect(serverNow(5_000)).toBe(dateMs);
  expect(serverNow(65_000)).toBe(dateMs + 60_000);
});

test("an answer without a date, or with a malformed one, changes nothing", () => {
  noteServerDate(date, 5_000);
  noteServerDate(null, 9_000);
  noteServerDate("yesterday", 9_000);
  expect(serverNow(5_000)).toBe(dateMs);
});

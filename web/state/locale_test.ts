import { beforeEach, expect, test } from "bun:test";
import { installBrowser } from "../testing/browser.ts";
import { en } from "../i18n/en.ts";
import { zh } from "../i18n/zh.ts";

const { document, navigator } = installBrowser();
const {
  formatAge,
  formatDay,
  formatDuration,
  formatList,
  formatMoment,
  formatNumber,
  formatRecent,
  formatRecentExactly,
  formatShare,
  formatShort,
  formatShortDay,
  formatTime,
  languageLoaded,
  locale,
  locales,
  messages,
  otherLocale,
} = await import("./locale.ts");
const { chosenZone } = await import("./zone.ts");

beforeEach(() => {
  locale.value = "en";
});

test("every text, and the language the page says it is in, follow the chosen one", async () => {
  expect(locales).toEqual(["en", "zh-CN"]);
  expect(messages.value).toBe(en);
  expect(document.documentElement.lang).toBe("en");
  locale.value = otherLocale();
  await languageLoaded();
  expect(messages.value).toBe(zh);
  expect(document.documentElement.lang).toBe("zh-CN");
  expect(otherLocale()).toBe("en");
});

test("the stored language decides, then the browser's; any Chinese counts as Chinese", () => {
  const store = (newValue: string | null) =>
    self.dispatchEvent(Object.assign(new Event("storage"), { key: "colink.locale", newValue }));
  for (
    const [stored, expected] of [["zh-CN", "zh-CN"], ["ZH-tw", "zh-CN"], ["en", "en"], [
      "fr",
      "en",
    ]] as const
  ) {
    store(stored);
    expect<string>(locale.value).toBe(expected);
  }
  locale.value = "zh-CN";
  for (const [language, expected] of [["zh-HK", "zh-CN"], ["de-DE", "en"]] as const) {
    navigator.language = language;
    store(null);
    expect<string>(locale.value).toBe(expected);
  }
  navigator.language = "en-US";
});

test("an age is given in the largest unit that is reached, and is never in the future", () => {
  expect(
    [-5_000, 0, 59_999, 60_000, 3_599_999, 3_600_000, 86_399_999, 2 * 86_400_000].map(formatAge),
  )
    .toEqual([
      "now",
      "now",
      "59 seconds ago",
      "1 minute ago",
      "59 minutes ago",
      "1 hour ago",
      "23 hours ago",
      "2 days ago",
    ]);
});

test("a duration is given in milliseconds, seconds or minutes", () => {
  expect([0, 839.6, 999, 1000, 1249, 119_949, 120_000, 200_000].map(formatDuration)).toEqual([
    "0 ms",
    "840 ms",
    "999 ms",
    "1 s",
    "1.2 s",
    "119.9 s",
    "2 min",
    "3 min",
  ]);
});

test("numbers are shortened only from ten thousand on, on either side of zero", () => {
  expect([9_999, 10_000, 12_345, -9_999, -12_345].map(formatShort))
    .toEqual(["9,999", "10K", "12.3K", "-9,999", "-12.3K"]);
  expect(formatNumber(1_234_567)).toBe("1,234,567");
  expect(formatShare(0.0254)).toBe("2.5%");
});

const moment = new Date(2026, 10, 23, 9, 5).getTime();
/** Browsers separate AM with a narrow space. */
const plain = (text: string) => text.replaceAll("\u202f", " ");

test("the current year is left out of lists, another one is not", () => {
  expect(plain(formatRecent(moment, new Date(2026, 11, 31).getTime()))).toBe("Nov 23, 9:05 AM");
  expect(plain(formatRecent(moment, new Date(2027, 0, 1).getTime()))).toBe("Nov 23, 2026, 9:05 AM");
  expect(formatRecent(moment, new Date(2027, 0, 1).getTime())).toBe(formatMoment(moment));
});

test("days and times are written as the language has them, Chinese hours with two digits", () => {
  expect(formatDay(moment)).toBe("November 23, 2026");
  expect(formatShortDay(moment)).toBe("Nov 23");
  expect(plain(formatTime(moment))).toBe("9:05 AM");
  locale.value = "zh-CN";
  expect(formatTime(moment)).toBe("09:05");
  expect(formatRecent(moment, moment)).toContain("09:05");
});

test("times to the second are in the chosen time zone, as all others", () => {
  locale.value = "en";
  const atMs = Date.UTC(2026, 11, 31, 23, 30, 7);
  chosenZone.value = "Asia/Shanghai";
  expect(plain(formatRecentExactly(atMs, atMs))).toBe("Jan 1, 7:30:07 AM");
  chosenZone.value = "America/New_York";
  expect(plain(formatRecentExactly(atMs, atMs))).toBe("Dec 31, 6:30:07 PM");
  expect(plain(formatRecentExactly(atMs, Date.UTC(2027, 0, 2)))).toBe("Dec 31, 2026, 6:30 PM");
  chosenZone.value = "";
});

test("the items of a list are separated as the language has it", async () => {
  locale.value = "en";
  expect(formatList(["a", "b", "c"])).toBe("a, b, c");
  locale.value = "zh-CN";
  await languageLoaded();
  expect(formatList(["a", "b", "c"])).toBe("a、b、c");
  locale.value = "en";
});

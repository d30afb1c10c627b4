import { afterEach, expect, test } from "bun:test";
import { installBrowser } from "../testing/browser.ts";
import { drawn, textOf } from "../testing/drawn.ts";

installBrowser();
const { languageLoaded, locale } = await import("../state/locale.ts");
const { ListNote } = await import("./ListNote.tsx");

afterEach(() => void (locale.value = "en"));

const note = (following: { count: number; exact: boolean } | null, hasMore = true) =>
  textOf(drawn(ListNote, { rows: 200, few: 100, hasMore, following }));

test("a list that is loaded page by page says how long it is, as far as that is known", async () => {
  expect(note({ count: 34, exact: true })).toStartWith("200 of 234 rows loaded:");
  expect(note({ count: 1000, exact: false })).toStartWith("200 of 1,200+ rows loaded:");
  expect(note(null)).toStartWith("200 rows loaded:");
  expect(note(null, false)).toStartWith("200 rows, of which only those in view are on the page:");
  locale.value = "zh-CN";
  await languageLoaded();
  expect(note({ count: 1000, exact: false })).toStartWith("共 1,200+ 行，已加载 200 行；");
  expect(note(null)).toStartWith("已加载 200 行；");
});

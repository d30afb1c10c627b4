import { expect, test } from "bun:test";
import { speaksChinese, textsOf } from "./mod.ts";

const chinese = { "Cannot open {0}: {1}": "无法打开 {0}：{1}" };

test("a text is shown in the language of the locale, with its values in place", () => {
  for (const [LANG, shown] of [["zh_CN.UTF-8", "无法打开 {1}：b"], ["C", "Cannot open {1}: b"]]) {
    const t = textsOf(chinese, { LANG });
    expect(t`Cannot open ${"{1}"}: ${"b"}`).toBe(shown!);
  }
});

test("a text without a translation is shown in English", () => {
  expect(textsOf({}, { LANG: "zh_CN" })`Ready in ${3} s`).toBe("Ready in 3 s");
});

test("the setting comes before the locale, LC_ALL before LC_MESSAGES, and that before LANG", () => {
  expect(speaksChinese({ COLINK_LANGUAGE: "en", LC_ALL: "zh_CN.UTF-8" })).toBe(false);
  expect(speaksChinese({ COLINK_LANGUAGE: "zh", LANG: "en_US.UTF-8" })).toBe(true);
  expect(speaksChinese({ LC_ALL: "C", LC_MESSAGES: "zh_CN", LANG: "zh_CN" })).toBe(false);
  expect(speaksChinese({ LC_MESSAGES: "zh-TW", LANG: "de_DE" })).toBe(true);
  expect(speaksChinese({ LC_ALL: "", LANG: "zh" })).toBe(true);
});

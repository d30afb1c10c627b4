import { expect, test } from "bun:test";
import { translatedUsage } from "./usage.ts";
import { phrase, shownOf, speaksChinese, textsOf } from "./mod.ts";

const chinese = { "Cannot open {0}: {1}": "无法打开 {0}：{1}" };

test("a text is shown in the language of the locale, with its values in place", () => {
  for (const [LANG, shown] of [["zh_CN.UTF-8", "无法打开 {1}：b"], ["C", "Cannot open {1}: b"]]) {
    const t = textsOf(chinese, { LANG });
    expect(t`Cannot open ${"{1}"}: ${"b"}`).toBe(shown!);
  }
});

test("a phrase is shown with the phrases in it, and with the words before it as they are", () => {
  const phrases = {
    "must be {0}": "应为{0}",
    "must be {0} or {1}": "应为{0}或{1}",
    "a list": "列表",
    "cannot connect: {0}": "无法连接：{0}",
    "{0} is gone": "{0} 不见了",
  };
  const shown = shownOf(phrases, { LANG: "zh_CN" });
  expect(shown(phrase`cannot connect: ${phrase`${"ws://h"} is gone`}`)).toBe(
    "无法连接：ws://h 不见了",
  );
  expect(shown(`config.yaml:1:2: models[0] ${phrase`must be ${"a list"} or ${"none"}`}`)).toBe(
    "config.yaml:1:2: models[0] 应为列表或none",
  );
  expect(shown("the provider's own words")).toBe("the provider's own words");
  expect(shown("")).toBe("");
  expect(shownOf(phrases, { LANG: "C" })("x must be a list")).toBe("x must be a list");
});

test("citty's words in a command's help are translated", () => {
  const usage = "USAGE server admin [OPTIONS] \n\nOPTIONS\n\n  --days    Days (Default: 7)";
  expect(translatedUsage(usage, { LANG: "zh_CN" })).toBe(
    "用法 server admin [选项] \n\n选项\n\n  --days    Days （默认：7）",
  );
  expect(translatedUsage(usage, { LANG: "C" })).toBe(usage);
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

import { expect, test } from "bun:test";
import { excerptOf, find, type Section } from "./search.ts";

const sections: Section[] = [
  ["errors", "queue_full", "Errors", "queue_full", "429 · Too many calls wait already"],
  [
    "configuration",
    "calls-that-wait",
    "Configuration",
    "Calls that wait",
    "COLINK_QUEUE_PER_MODEL",
  ],
  ["errors", "排队", "错误", "排队已满", "等待的调用太多，请稍后重试"],
];

test("a section is found when it has every word, those with a hit in the title first", () => {
  expect(find(sections, "queue").map(([, id]) => id)).toEqual(["queue_full", "calls-that-wait"]);
  expect(find(sections, "Calls  WAIT many").map(([, id]) => id)).toEqual(["queue_full"]);
  expect(find(sections, "queue nothing")).toEqual([]);
  expect(find(sections, "  ")).toEqual([]);
});

test("Chinese is found inside a sentence, without spaces", () => {
  expect(find(sections, "稍后").map(([, id]) => id)).toEqual(["排队"]);
});

test("the excerpt marks each hit, and signs of patterns are plain letters", () => {
  const section: Section = ["p", "i", "t", "t", `${"x".repeat(300)} a.b (c) a+b`];
  const parts = excerptOf(section, "(c) a.b");
  expect(parts.filter(({ isHit }) => isHit).map(({ text }) => text)).toEqual(["a.b", "(c)"]);
  expect(parts[0]?.text.startsWith("…")).toBe(true);
});

/** The greeting at a terminal: its addresses and the setup link, in the terminal's language and width. */

import { expect, test } from "bun:test";
import { textsOf } from "../text/mod.ts";
import { greeting, setupBox } from "./greeting.ts";
import { chinese } from "./texts.ts";

const en = textsOf(chinese, { LANG: "C" });
const zh = textsOf(chinese, { LANG: "zh_CN.UTF-8" });

const link = "https://co-link.example.com/setup#setup-abc-0123456789";

test("the setup link stands alone on its line, in a box that is as wide as it looks", () => {
  for (const language of [en, zh]) {
    const lines = setupBox([link], language, 120).split("\n");
    expect(lines.filter((line) => line.includes(link))).toHaveLength(1);
    expect(new Set(lines.map((line) => Bun.stringWidth(line))).size).toBe(1);
  }
  expect(setupBox([link], en, 120)).toContain("Open this link within 30 minutes");
  expect(setupBox([link], zh, 120)).toContain("请在 30 分钟内打开此链接");
  expect(setupBox([link, link], en, 120)).toContain("Open one of these links");
});

test("where the terminal is narrow, nothing stands beside the link", () => {
  const lines = setupBox([link], en, 50).split("\n");
  expect(lines).toContain(link);
  expect(lines.join()).not.toContain("│");
});

test("each address is named for people, for programs and for nodes", () => {
  const facts = { version: "1.2.3", columns: 100, setupLinks: [] };
  const text = greeting({ ...facts, urls: ["https://a.example/co-link"] }, en);
  for (const url of ["https://a.example/co-link", "https://a.example/co-link/v1"]) {
    expect(text).toContain(`   ${url}\n`);
  }
  expect(text).toContain("wss://a.example/co-link/ws\n");
  expect(text).toContain("create an account");
});

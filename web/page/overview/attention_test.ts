import { afterEach, expect, test } from "bun:test";
import type { Attention as Finding } from "../../../api/mod.ts";
import { installBrowser } from "../../testing/browser.ts";
import { drawn, textOf } from "../../testing/drawn.ts";

installBrowser();
const { languageLoaded, locale } = await import("../../state/locale.ts");
const { Attention } = await import("./Attention.tsx");

afterEach(() => void (locale.value = "en"));

const finding: Finding = {
  kind: "store",
  severity: "bad",
  count: 1,
  code: null,
  cause: "connection_refused",
  at: null,
  detail: "the connection was lost: ECONNREFUSED",
  nodes: [],
};

const text = (more: Partial<Finding> = {}) =>
  textOf(drawn(Attention, { findings: [{ ...finding, ...more }] }));

test("a cause that is known is said in the reader's language, another is quoted", async () => {
  expect(text()).toContain("The database takes no writes: connection refused");
  expect(text({ cause: null })).toContain("no writes: the connection was lost: ECONNREFUSED");
  expect(text({ cause: "of_a_newer_gateway" as never })).toContain("lost: ECONNREFUSED");
  locale.value = "zh-CN";
  await languageLoaded();
  expect(text()).toContain("数据库无法写入：连接被拒绝");
  expect(text({ cause: null })).toContain("数据库无法写入：the connection was lost: ECONNREFUSED");
});

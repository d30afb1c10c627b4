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

test("budgets that are nearly used up lead to the account or the group that is concerned", () => {
  const budgets: Finding = { ...finding, kind: "budgets", cause: null };
  const html = (more: Partial<Finding>) =>
    drawn(Attention, { findings: [{ ...budgets, ...more }] });
  const hrefs = (more: Partial<Finding>) =>
    [...html(more).matchAll(/href="([^"]*)"/g)].map(([, href]) => href!.replaceAll("&amp;", "&"));
  const account = { of: "account", id: "a1", name: "lin+a@example.org" } as const;
  const group = { of: "group", id: "g1", name: "Physics" } as const;
  const own = ["/admin?tab=users&q=lin%2Ba%40example.org", "/admin?tab=groups&group=g1"];
  expect(hrefs({ holders: [account, group], count: 2 })).toEqual(own);
  expect(textOf(html({ holders: [account, group], count: 2 }))).toContain("lin+a@example.org");
  expect(hrefs({ holders: [account, group], count: 3 })).toEqual([...own, "/admin?tab=users"]);
  expect(hrefs({})).toEqual(["/admin?tab=users"]);
});

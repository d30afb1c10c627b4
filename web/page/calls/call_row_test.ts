import { afterEach, expect, test } from "bun:test";
import type { ReplaysView } from "../../../api/mod.ts";
import { installBrowser } from "../../testing/browser.ts";
import { aCall } from "../../testing/call.ts";
import { drawn, textOf } from "../../testing/drawn.ts";

installBrowser();
const { languageLoaded, locale } = await import("../../state/locale.ts");
const { CallRow } = await import("./CallRow.tsx");

afterEach(() => void (locale.value = "en"));

const replays: ReplaysView = {
  count: 3,
  last: [
    { at_ms: 200, after_event: 12, was_ended: false },
    { at_ms: 4_000, after_event: null, was_ended: true },
  ],
};
const attempt = { node: "n1", name: "studio", start_ms: 0, duration_ms: 1, end: "failed" } as const;

/** The text of a call whose facts are open. */
function opened(changes: Parameters<typeof aCall>[0]): string {
  return textOf(drawn(CallRow, { call: aCall(changes), isSearched: true, onNarrow() {} }));
}

test("an open call says how often its caller came back, when, and for what", async () => {
  expect(opened({ replays })).toContain(
    "Came back 3 times · after 200 ms, from what follows event 12 · after 4 s, from the beginning, of the kept answer",
  );
  expect(opened({})).not.toContain("Came back");
  locale.value = "zh-CN";
  await languageLoaded();
  expect(opened({ replays }))
    .toContain("重新取回 3 次 · 200 毫秒后从第 12 个事件之后取回 · 4 秒后从头取回（保存的回答）");
});

test("a call that was tried more than once says so beside its node's name, at a distance", async () => {
  const call = aCall({ attempts: [attempt, attempt, attempt] as never });
  const html = drawn(CallRow, { call, onNarrow() {} });
  expect(html).toMatch(/<span[^>]*>studio<span[^>]*>3 attempts<\/span>/);
  const css = await Bun.file(`${import.meta.dir}/CallRow.module.css`).text();
  expect(css).toMatch(/\.node > span \{\n {2}margin-inline-start: var\(--space-\d\);/);
  expect(textOf(drawn(CallRow, { call: aCall(), onNarrow() {} }))).not.toContain("attempts");
});

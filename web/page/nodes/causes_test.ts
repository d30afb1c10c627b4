import { afterEach, expect, test } from "bun:test";
import type { NodeView } from "../../../api/mod.ts";
import { installBrowser } from "../../testing/browser.ts";
import { aNode } from "../../testing/node.ts";

installBrowser();
const { languageLoaded, locale } = await import("../../state/locale.ts");
const { phrasesLoaded } = await import("../../state/phrases.ts");
const { causes, nodeSays } = await import("./causes.ts");
const { listed } = await import("./listed.ts");

afterEach(() => void (locale.value = "en"));

const NOW_MS = Date.parse("2026-11-30T20:00:00Z");

function texts(changes: Partial<NodeView>): string[] {
  const [node] = listed({ connected: [aNode(changes)], gone: [], error: null }, []);
  return causes(node!, NOW_MS).map(({ text }) => text);
}

const paused = { state: "paused", draining: true } as const;

test("a node that its owner's terms have paused says why in the chosen language", async () => {
  const said = {
    ...paused,
    pause_reason: "the battery is not above 60 %",
    pause_message: { code: "battery_low", value: "60" },
  } as const;
  expect(texts(said)).toEqual(["The battery is not above 60 %."]);
  locale.value = "zh-CN";
  await languageLoaded();
  expect(texts(said)).toEqual(["电量不高于 60 %。"]);
});

test("it says when it is expected back, while that is ahead", () => {
  const said = {
    ...paused,
    pause_reason: "outside the owner's hours",
    pause_message: { code: "outside_hours", value: null },
  } as const;
  const [ahead] = texts({ ...said, paused_until: NOW_MS + 60_000 });
  expect(ahead).toStartWith("It is outside its owner’s hours. Expected back ");
  expect(texts({ ...said, paused_until: NOW_MS - 1 }))
    .toEqual(["It is outside its owner’s hours."]);
});

test("another program's reason is shown in its own words", () => {
  expect(texts({ ...paused, pause_reason: "somebody plays a game" }))
    .toEqual(["Somebody plays a game."]);
});

test("a node that was paused in the console says so", () => {
  expect(texts(paused)).toEqual(["Paused by its owner: it gets no calls until it is resumed."]);
});

test("why a node's configuration is refused is said in the reader's language where the console knows the phrase", async () => {
  const problem = "config.yaml:4:15: max_parallel must be 1 or more";
  const said = (value: string) => nodeSays("", { code: "config_refused", value });
  expect(said(problem)).toContain(problem);
  locale.value = "zh-CN";
  await Promise.all([languageLoaded(), phrasesLoaded()]);
  expect(said(problem)).toEndWith("config.yaml:4:15: max_parallel 应不小于 1");
  expect(said("of a newer node")).toEndWith("of a newer node");
});

import { expect, test } from "bun:test";
import { signal } from "@preact/signals";
import type { ChatModels } from "../../state/chat_models.ts";
import { installBrowser } from "../../testing/browser.ts";
import { drawn, textOf } from "../../testing/drawn.ts";

installBrowser();
const { Conversation } = await import("./conversation.ts");
const { Toolbar } = await import("./Toolbar.tsx");

/** The list of models to choose from, as HTML. */
function picker(models: readonly ChatModels[] | null, chosen: string): string {
  const conversation = new Conversation();
  conversation.models.value = [chosen];
  const props = { conversation, models, areSettingsOpen: signal(false) };
  const html = drawn(Toolbar, { ...props, onNew() {}, onCode() {}, onHistory() {} });
  return /<select.*<\/select>/.exec(html)?.[0] ?? "";
}

const ready = { state: "ready", names: ["llama", "qwen"] } as const;
const busy = { state: "busy", names: ["phi"] } as const;

test("the playground's models are grouped by whether a call waits, where there is a difference", () => {
  const grouped = picker([ready, busy], "qwen");
  expect([...grouped.matchAll(/<optgroup label="([^"]+)">(.*?)<\/optgroup>/g)]
    .map(([, label, options = ""]) => [label, textOf(options)]))
    .toEqual([["Answer at once", "llama qwen"], ["Busy: calls wait", "phi"]]);
  expect(grouped).toContain('<option value="qwen" selected>');
  expect(picker([busy], "phi")).not.toContain("optgroup");
});

test("a model that went offline stays chosen, and is marked", () => {
  expect(textOf(picker([ready], "gone"))).toBe("gone (offline) llama qwen");
  expect(textOf(picker(null, "gone"))).toBe("");
});

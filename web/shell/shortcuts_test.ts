import { beforeEach, expect, test } from "bun:test";
import { Glob } from "bun";
import { readFileSync } from "node:fs";
import { installBrowser } from "../testing/browser.ts";
import { drawn } from "../testing/drawn.ts";
import { mount } from "../testing/hook.ts";

const { document } = installBrowser();
const { shortcuts, useShortcuts } = await import("./shortcuts.ts");
const { ShortcutList } = await import("./ShortcutList.tsx");

const done: string[] = [];
const filter = { focus: () => done.push("filter") };
const found: Record<string, unknown> = { "[data-filter]": filter, "[data-partial]": {} };
Object.assign(document, { querySelector: (selector: string) => found[selector] ?? null });
const window = globalThis as { HTMLElement?: unknown };
window.HTMLElement ??= class {};

beforeEach(() => void done.splice(0));

/** Presses keys as the list shows them: `Ctrl K`, or `g n` one after the other. */
function press(keys: string): void {
  const names = keys.split(" ");
  const ctrlKey = names[0] === "Ctrl";
  for (const key of ctrlKey ? names.slice(1) : names) {
    const event = new Event("keydown", { cancelable: true });
    dispatchEvent(Object.assign(event, { key, ctrlKey }));
  }
}

const listed = () =>
  [...drawn(ShortcutList, {}).matchAll(/<kbd>([^<]*)<\/kbd>/g)].map(([, keys]) => keys!);

test("every shortcut that the list shows does something on a page, and each is shown", async () => {
  const shell = await mount(() =>
    useShortcuts({
      openPalette: () => done.push("palette"),
      openHelp: () => done.push("help"),
      go: (path) => done.push(path),
    })
  );
  const ofPages = listed().filter((keys) => /^(Ctrl .|g .|[^\w↓])$/.test(keys));
  for (const keys of ofPages) press(keys);
  expect(done).toEqual(["palette", "filter", "filter", "help", "/nodes"]);
  expect(ofPages).toEqual([...shortcuts.map(({ keys }) => keys), "g n"]);
  await shell.unmount();
});

test("every key that a field, a menu or a dialog reads is in the list", () => {
  const names: Record<string, string> = { Escape: "Esc", ArrowDown: "↓", ArrowUp: "↑" };
  const shown = listed().flatMap((keys) => keys.split(" "));
  const read = [...new Glob("**/*.{ts,tsx}").scanSync(`${import.meta.dir}/..`)]
    .filter((file) => !/_test\.|testing\//.test(file))
    .map((file) => readFileSync(`${import.meta.dir}/../${file}`, "utf8"))
    .filter((text) => /keydown/i.test(text))
    .flatMap((
      text,
    ) => [...text.matchAll(/"(Escape|Enter|Tab|Home|End)"|\b(Arrow|Page)(Up|Down|Left|Right)\b/g)])
    .map(([key]) => key.replaceAll('"', ""))
    .map((key) => names[key] ?? key);
  expect(read).toContain("Enter");
  expect(read.filter((key) => !shown.includes(key))).toEqual([]);
});

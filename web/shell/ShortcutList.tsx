/** What each key does, those of every page first. */

import { shortcuts as en } from "../i18n/en/shortcuts.ts";
import type { Filled } from "../i18n/en.ts";
import { shortcuts as zh } from "../i18n/zh/shortcuts.ts";
import { Facts } from "../part/Facts.tsx";
import { messages } from "../state/locale.ts";
import { pageTexts } from "../state/page_texts.ts";
import { destinations } from "./destinations.ts";
import { shortcuts } from "./shortcuts.ts";

const texts = pageTexts<Filled<typeof en>>({ en, "zh-CN": zh });

/** The keys of single fields and dialogs. */
const others = [
  ["↓ ↑", "choose"],
  ["Enter", "enter"],
  ["Shift Enter", "newLine"],
  ["Esc", "escape"],
] as const;

export function ShortcutList() {
  const rows = [
    ...shortcuts.map(({ keys, name }) => [keys, texts.value[name]] as const),
    ...destinations().map(({ key, name }) => [`g ${key}`, messages.value.nav.pages[name]] as const),
    ...others.map(([keys, name]) => [keys, texts.value[name]] as const),
  ];
  return <Facts rows={rows.map(([keys, text]) => [<kbd key={keys}>{keys}</kbd>, text])} />;
}

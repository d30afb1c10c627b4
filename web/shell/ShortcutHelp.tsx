/** The list of keyboard shortcuts (`?`). */

import type { Signal } from "@preact/signals";
import { Dialog } from "../part/Dialog.tsx";
import { Facts } from "../part/Facts.tsx";
import { messages } from "../state/locale.ts";
import { destinations } from "./destinations.ts";

export function ShortcutHelp({ isOpen }: { isOpen: Signal<boolean> }) {
  const t = messages.value;
  const lines = [
    [t.nav.searchKeys, t.palette.title],
    ["/", t.palette.focusFilter],
    ["?", t.palette.help],
    ...destinations().map(({ key, name }) => [`g ${key}`, t.nav.pages[name]] as const),
  ] as const;
  return (
    <Dialog isOpen={isOpen} title={t.palette.help}>
      <Facts rows={lines.map(([keys, text]) => [<kbd key={keys}>{keys}</kbd>, text])} />
    </Dialog>
  );
}

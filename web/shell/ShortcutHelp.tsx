/** The list of keyboard shortcuts (`?`). */

import type { Signal } from "@preact/signals";
import { ErrorBoundary } from "preact-iso/lazy";
import { Dialog } from "../part/Dialog.tsx";
import { late } from "../part/late.tsx";
import { messages } from "../state/locale.ts";

const ShortcutList = late(() =>
  import("./ShortcutList.tsx").then(({ ShortcutList }) => ShortcutList)
);

export function ShortcutHelp({ isOpen }: { isOpen: Signal<boolean> }) {
  return (
    <Dialog isOpen={isOpen} title={messages.value.palette.help}>
      <ErrorBoundary>
        <ShortcutList />
      </ErrorBoundary>
    </Dialog>
  );
}

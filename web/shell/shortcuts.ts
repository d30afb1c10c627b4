/** The keyboard shortcuts of every page. */

import { useEffect } from "preact/hooks";
import { destinations } from "./destinations.ts";

export interface Actions {
  openPalette: () => void;
  openHelp: () => void;
  go: (path: string) => void;
}

/** Time after `g` within which a second key completes the shortcut. */
const SEQUENCE_MS = 1500;

/**
 * Ctrl/Cmd-K opens the palette, `g` and a page's letter opens that page, `/` moves the focus to the
 * page's filter (the element with `data-filter`), `?` lists the shortcuts. Single keys are ignored
 * while the user types in a field.
 */
export function useShortcuts(actions: Actions): void {
  useEffect(() => {
    let leaderAtMs = -Infinity;
    const onKeyDown = (event: KeyboardEvent) => {
      const { key, ctrlKey, metaKey, altKey } = event;
      if ((ctrlKey || metaKey) && key.toLowerCase() === "k") {
        event.preventDefault();
        return actions.openPalette();
      }
      if (ctrlKey || metaKey || altKey || isTaken(event)) return;
      const isSecond = event.timeStamp - leaderAtMs < SEQUENCE_MS;
      leaderAtMs = !isSecond && key === "g" ? event.timeStamp : -Infinity;
      const page = isSecond && destinations().find((one) => one.key === key);
      if (page) actions.go(page.path);
      else if (key === "/") focusFilter(event);
      else if (key === "?") actions.openHelp();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}

/** Whether the key belongs to a field or an open dialog. */
function isTaken({ target }: KeyboardEvent): boolean {
  if (document.querySelector("dialog[open]")) return true;
  return target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("input:not([type=radio]), textarea, select"));
}

function focusFilter(event: KeyboardEvent): void {
  const filter = document.querySelector<HTMLElement>("[data-filter]");
  if (!filter) return;
  event.preventDefault();
  filter.focus();
}

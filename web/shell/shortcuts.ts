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
 * page's filter (the element with `data-filter`), and so does Ctrl/Cmd-F where the page has a
 * `ListNote`; `?` lists the shortcuts. Single keys are ignored while the user types in a field.
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
      // The browser's own search would miss rows that are not drawn. Pressed again, the keys open it.
      if (asksToFind(event) && isPartial()) return focusFilter(event);
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

/** Whether it is Ctrl-F or Cmd-F alone: Ctrl-Cmd-F, for one, is the full screen of a Mac. */
function asksToFind({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): boolean {
  return key.toLowerCase() === "f" && ctrlKey !== metaKey && !altKey && !shiftKey;
}

/** Whether the page has a list that it does not hold as a whole, and its filter has not the focus. */
function isPartial(): boolean {
  if (document.querySelector("dialog[open]") || !document.querySelector("[data-partial]")) {
    return false;
  }
  return document.activeElement?.matches("[data-filter]") !== true;
}

function focusFilter(event: KeyboardEvent): void {
  const filter = document.querySelector<HTMLElement>("[data-filter]");
  if (!filter) return;
  event.preventDefault();
  filter.focus();
}

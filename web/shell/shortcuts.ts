/** The keyboard's shortcuts, on every page. */

import { useEffect } from "preact/hooks";
import { destinations } from "./destinations.ts";

export interface Actions {
  openPalette: () => void;
  openHelp: () => void;
  go: (path: string) => void;
}

/** So long after `g`, a second key still belongs to it. */
const SEQUENCE_MS = 1500;

/**
 * Ctrl/Cmd-K opens the palette, `g` and a page's letter goes there, `/` leads to the page's filter
 * (the element with `data-filter`), `?` lists them. Letters mean nothing while one types.
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

/** Whether the key means something where it was pressed: in a field, or before an open dialog. */
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

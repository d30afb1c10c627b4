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

/** The key that calls commands on this system. */
const modifier = /Mac|iP/.test(navigator.platform) ? "⌘" : "Ctrl";

interface Shortcut {
  /** As shown. */
  keys: string;
  /** Of its text in the list of shortcuts. */
  name: "search" | "find" | "filter" | "help";
  /** Whether that was pressed, where it is of use. */
  asks(event: KeyboardEvent): boolean;
  act(actions: Actions, event: KeyboardEvent): void;
}

/** The list of shortcuts shows them in this order, and after them `g` with each page's letter. */
export const shortcuts: readonly Shortcut[] = [
  {
    keys: `${modifier} K`,
    name: "search",
    asks: ({ key, ctrlKey, metaKey }) => (ctrlKey || metaKey) && key.toLowerCase() === "k",
    act: ({ openPalette }, event) => {
      event.preventDefault();
      openPalette();
    },
  },
  {
    keys: `${modifier} F`,
    name: "find",
    // The browser's own search would miss rows that are not drawn. Pressed again, the keys open it.
    asks: (event) => asksToFind(event) && isPartial(),
    act: (_, event) => focusFilter(event),
  },
  {
    keys: "/",
    name: "filter",
    asks: (event) => isSingle(event, "/"),
    act: (_, event) => focusFilter(event),
  },
  {
    keys: "?",
    name: "help",
    asks: (event) => isSingle(event, "?"),
    act: ({ openHelp }) => openHelp(),
  },
];

/** As shown beside the field that it opens. */
export const searchKeys = shortcuts[0]!.keys;

/**
 * The shortcuts above, and `g` followed by a page's letter, which opens that page. A page's filter is
 * the element with `data-filter`; a list that is not drawn whole has a `ListNote`.
 */
export function useShortcuts(actions: Actions): void {
  useEffect(() => {
    let leaderAtMs = -Infinity;
    const onKeyDown = (event: KeyboardEvent) => {
      const isSecond = event.timeStamp - leaderAtMs < SEQUENCE_MS;
      leaderAtMs = !isSecond && isSingle(event, "g") ? event.timeStamp : -Infinity;
      const page = isSecond && destinations().find(({ key }) => isSingle(event, key));
      if (page) actions.go(page.path);
      else shortcuts.find(({ asks }) => asks(event))?.act(actions, event);
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}

/** Whether it is that key alone; while the user types in a field it is not. */
function isSingle(event: KeyboardEvent, key: string): boolean {
  const { ctrlKey, metaKey, altKey } = event;
  return event.key === key && !ctrlKey && !metaKey && !altKey && !isTaken(event);
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

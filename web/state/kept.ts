/** A choice that outlives the page: a signal whose value is kept in this browser, the same in all its tabs. */

import { effect, type Signal, signal } from "@preact/signals";

/**
 * A signal that starts as `parse` makes it of what was kept (null: nothing was), and keeps every
 * later value. Where the browser blocks storage it lives as long as the page.
 */
export function kept<T extends string>(
  key: string,
  parse: (text: string | null) => T,
): Signal<T> {
  const name = `colink.${key}`;
  const value = signal(parse(read(name)));
  let isFirst = true;
  effect(() => {
    const text = value.value;
    // What was only a default is not kept: it may follow the browser later.
    if (isFirst) isFirst = false;
    else write(name, text);
  });
  self.addEventListener("storage", (event) => {
    if (event.key === name) value.value = parse(event.newValue);
  });
  return value;
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, text: string): void {
  try {
    localStorage.setItem(name, text);
  } catch {
    // Blocked or full: the choice holds for this page.
  }
}

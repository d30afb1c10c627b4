/** A signal whose value is stored in this browser and shared by all its tabs. */

import { effect, type Signal, signal } from "@preact/signals";

/**
 * A signal that starts with the parsed stored text (`parse` gets null when nothing is stored) and
 * stores every later value. Where the browser blocks storage, the value lives as long as the page.
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
    // A default is not stored: a later visit may default to something else.
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
    // Blocked or full: the value lives as long as the page.
  }
}

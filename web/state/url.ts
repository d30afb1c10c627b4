/** A page's filters and choices, kept in its address so that they can be bookmarked, shared and undone by Back. */

import { useLocation } from "preact-iso/router";

export interface Choices {
  /** The parameter's value, or the empty string. */
  get(name: string): string;
  /** Changes parameters; the empty string removes one. Adds an entry to the browser's history only where `isStep`. */
  set(changes: Readonly<Record<string, string>>, isStep?: boolean): void;
}

export function useChoices(): Choices {
  const { path, query, route } = useLocation();
  return {
    get: (name) => query[name] ?? "",
    set: (changes, isStep = false) => {
      const present = Object.entries({ ...query, ...changes }).filter(([, value]) => value !== "");
      const text = new URLSearchParams(present).toString();
      route(text === "" ? path : `${path}?${text}`, !isStep);
    },
  };
}

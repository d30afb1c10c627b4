/** What is chosen on a page and stands in its address, so that it can be kept, shared and gone back to. */

import { useLocation } from "preact-iso/router";

export interface Choices {
  /** The parameter's value, or the empty string. */
  get(name: string): string;
  /** Changes some; the empty string takes one away. The step before stays in the browser's history only where `isStep`. */
  set(changes: Readonly<Record<string, string>>, isStep?: boolean): void;
}

export function useChoices(): Choices {
  const { path, query, route } = useLocation();
  return {
    get: (name) => query[name] ?? "",
    set: (changes, isStep = false) => {
      const there = Object.entries({ ...query, ...changes }).filter(([, value]) => value !== "");
      const text = new URLSearchParams(there).toString();
      route(text === "" ? path : `${path}?${text}`, !isStep);
    },
  };
}

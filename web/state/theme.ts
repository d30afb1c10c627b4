/** Light, dark, or as the system has it. */

import { effect } from "@preact/signals";
import { kept } from "./kept.ts";

/** In the order that the switch goes through them. */
export const themes = ["system", "light", "dark"] as const;
export type Theme = typeof themes[number];

/** The chosen theme; the stylesheet reads it from the page's `data-theme`. */
export const theme = kept<Theme>("theme", (text) => themes.find((t) => t === text) ?? "system");

effect(() => {
  const page = document.documentElement;
  if (theme.value === "system") delete page.dataset.theme;
  else page.dataset.theme = theme.value;
});

/** Light, dark, or as the system has it. */

import { effect } from "@preact/signals";
import { kept } from "./kept.ts";

const themes = ["system", "light", "dark"] as const;
export type Theme = typeof themes[number];

/** The chosen theme; the stylesheet reads it from the page's `data-theme`. */
export const theme = kept<Theme>("theme", (text) => themes.find((t) => t === text) ?? "system");

effect(() => {
  const page = document.documentElement;
  if (theme.value === "system") delete page.dataset.theme;
  else page.dataset.theme = theme.value;
});

/** From one to the next until all were seen; the first press already shows another one than the system's. */
export function switchTheme(): void {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const order: readonly Theme[] = isDark
    ? ["system", "light", "dark"]
    : ["system", "dark", "light"];
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? "system";
}

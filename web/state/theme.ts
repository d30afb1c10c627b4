/** Light, dark, or as the system has it. */

import { computed, effect, signal } from "@preact/signals";
import { kept } from "./kept.ts";

export const themes = ["system", "light", "dark"] as const;
export type Theme = typeof themes[number];

/** The chosen theme; the stylesheet reads it from the page's `data-theme`. */
export const theme = kept<Theme>("theme", (text) => themes.find((t) => t === text) ?? "system");

const system = matchMedia("(prefers-color-scheme: dark)");
const isSystemDark = signal(system.matches);
system.addEventListener("change", () => isSystemDark.value = system.matches);

/** What is on screen now. */
export const isDark = computed(() =>
  theme.value === "system" ? isSystemDark.value : theme.value === "dark"
);

effect(() => {
  const page = document.documentElement;
  if (theme.value === "system") delete page.dataset.theme;
  else page.dataset.theme = theme.value;
});

/** From one to the next until all were seen; the first press already shows another one than the system's. */
export function switchTheme(): void {
  const order: readonly Theme[] = isSystemDark.value
    ? ["system", "light", "dark"]
    : ["system", "dark", "light"];
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? "system";
}

/** The console's theme: light, dark, or the system's. */

import { computed, effect, signal } from "@preact/signals";
import { kept } from "./kept.ts";

export const themes = ["system", "light", "dark"] as const;
export type Theme = typeof themes[number];

/** The chosen theme; the stylesheet reads it from the page's `data-theme`. */
export const theme = kept<Theme>("theme", (text) => themes.find((t) => t === text) ?? "system");

const system = matchMedia("(prefers-color-scheme: dark)");
const isSystemDark = signal(system.matches);
system.addEventListener("change", () => isSystemDark.value = system.matches);

/** Whether the page is dark now. */
export const isDark = computed(() =>
  theme.value === "system" ? isSystemDark.value : theme.value === "dark"
);

effect(() => {
  const page = document.documentElement;
  if (theme.value === "system") delete page.dataset.theme;
  else page.dataset.theme = theme.value;
});

/** Cycles through the themes, starting with the one that differs from the system's. */
export function switchTheme(): void {
  const order: readonly Theme[] = isSystemDark.value
    ? ["system", "light", "dark"]
    : ["system", "dark", "light"];
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? "system";
}

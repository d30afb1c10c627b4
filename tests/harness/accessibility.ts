/** Accessibility findings of axe, and content wider than the window. */

import { expect } from "bun:test";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { until } from "./wait.ts";

/** Serious and critical findings, as `rule: elements`. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<axe.AxeResults>("axe.run()");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(", ")}`);
}

/** Opens a page and inspects it, at a phone's, a tablet's and a desk's width, light and dark. */
export async function inspect(page: Page, path: string, title: string): Promise<void> {
  await page.goto(path);
  await page.getByRole("heading", { level: 1, name: title }).waitFor();
  await page.locator("[data-part=skeleton]").waitFor({ state: "detached" });
  for (const width of [360, 768, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    await isAsWideAs(page, width);
  }
  await inspectAsIs(page, path);
}

/** Resolves once the page is as wide as its window: what is measured anew is drawn a moment later. */
export async function isAsWideAs(page: Page, width: number): Promise<void> {
  await until(`${page.url()} is ${width} pixels wide`, async () => {
    const drawn = await page.evaluate<number>("document.documentElement.scrollWidth");
    if (drawn !== width) throw new Error(`it is ${drawn}`);
    return true;
  });
}

/** Inspects the page as it is, light and dark; `name` identifies it in failures. */
export async function inspectAsIs(page: Page, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const faults = await accessibilityFaults(page);
    expect({ name, colorScheme, faults }).toEqual({ name, colorScheme, faults: [] });
  }
}

/** Finds by measuring what is wrong with a page as it is drawn, so that people judge only what cannot be measured. */

import axe from "axe-core";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { at } from "../root.ts";

const inBrowser = new Bun.Transpiler({ loader: "ts" })
  .transformSync(readFileSync(at("web", "testing", "drawn_faults.ts"), "utf8"))
  .replace(/^export /m, "");

/** As `drawnFaults` of web/testing. */
export async function drawnFaults(page: Page, isChinese: boolean): Promise<string[]> {
  return await page.evaluate<string[]>(`(() => {${inBrowser}
    return drawnFaults(${isChinese});
  })()`);
}

/** Serious and critical findings of axe. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<axe.AxeResults>("axe.run()");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `axe ${id}: ${nodes.map(({ target }) => target).join(", ")}`);
}

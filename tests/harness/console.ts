/** Actions on the console's pages, and what they show. */

import type { BrowserContext, Locator, Page } from "playwright-core";
import { en } from "../../web/i18n/en.ts";
import type { Account } from "./account.ts";
import type { Tab } from "./browser.ts";

/** Gives the browser a session before any page is open. */
export async function signInBehindThePage(
  { request }: BrowserContext,
  { email, password }: Account,
): Promise<void> {
  const answer = await request.post("/api/auth/login", { data: { email, password } });
  if (!answer.ok()) throw new Error(`Cannot sign in: ${answer.status()} ${await answer.text()}`);
}

export function freshEmail(): string {
  return `${crypto.randomUUID().slice(0, 8)}@example.com`;
}

/** Fills in fields, by their names. */
export async function fill(page: Page, fields: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(fields)) {
    await page.locator(`[name=${name}]`).fill(value);
  }
}

export async function submit(page: Page): Promise<void> {
  await page.locator("[type=submit]").click();
}

/** The problem shown beside a field, which `aria-describedby` names. */
export async function problemOf(page: Page, name: string): Promise<string> {
  const field = page.locator(`[name=${name}][aria-invalid=true]`);
  const described = await field.getAttribute("aria-describedby") ?? "";
  const id = described.split(" ").find((one) => one.endsWith("problem"));
  return await page.locator(`[id="${id}"]`).innerText();
}

export function button(within: Page | Locator, name: string): Locator {
  return within.getByRole("button", { name });
}

/** A key's row, by its name. */
export function keyRow(page: Page, name: string): Locator {
  return page.getByRole("row").filter({ has: page.getByRole("rowheader", { name }) });
}

/** The text that the field's Copy button puts on the clipboard. */
export async function copied(tab: Tab, field: Locator): Promise<string> {
  await button(field, en.copy).click();
  await button(field, en.copied).waitFor();
  return await tab.clipboard();
}

export interface Look {
  lang: string;
  ground: string;
}

/** The page's language and background colour. */
export function look(page: Page): Promise<Look> {
  return page.evaluate<Look>(`({
    lang: document.documentElement.lang,
    ground: getComputedStyle(document.body).backgroundColor,
  })`);
}

/** The two background colours in web/style/tokens.css. */
export const LIGHT = "rgb(250, 249, 246)";
export const DARK = "rgb(20, 21, 19)";

/** The first minutes of an operator, a contributor, a caller and a curious colleague, start to end. */

import { beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import type { JoinedView } from "../../api/mod.ts";
import { en, type Messages } from "../../web/i18n/en.ts";
import { admin as enAdmin } from "../../web/i18n/en/admin.ts";
import { node as enNode } from "../../web/i18n/en/node.ts";
import { zh } from "../../web/i18n/zh.ts";
import { admin as zhAdmin } from "../../web/i18n/zh/admin.ts";
import { node as zhNode } from "../../web/i18n/zh/node.ts";
import { accessibilityFaults, isAsWideAs } from "../harness/accessibility.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { inTab, startBrowser, type Tab } from "../harness/browser.ts";
import { button, fill, freshEmail, submit } from "../harness/console.ts";
import { asked } from "../harness/console_api.ts";
import { createDatabase } from "../harness/database.ts";
import { type Gateway, runGateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { runCurl } from "../harness/shell.ts";

/** Shared by the gateways of a database. */
const JWT_SECRET = "a secret of the scripts, which is long enough";
const PASSWORD = "correct horse battery";

type Script = "caller" | "contributor" | "colleague" | "operator";

/** Language, theme, width and database of a run. */
interface Look {
  words: Messages;
  locale: string;
  colorScheme: "light" | "dark";
  width: number;
}

const look = (words: Messages, colorScheme: Look["colorScheme"], width: number): Look => ({
  words,
  locale: words === en ? "en-US" : "zh-CN",
  colorScheme,
  width,
});

interface Stage {
  database: string;
  environment: () => Promise<Record<string, string>>;
  looks: Readonly<Record<Script, Look>>;
}

/** Each script runs in both languages, themes, widths and databases; together the scripts cover all eight looks. */
const stages: readonly Stage[] = [
  {
    database: "SQLite",
    environment: () => Promise.resolve({}),
    looks: {
      caller: look(en, "light", 1280),
      contributor: look(en, "dark", 360),
      colleague: look(zh, "light", 360),
      operator: look(zh, "dark", 1280),
    },
  },
  {
    database: "PostgreSQL",
    environment: async () => ({ DATABASE_URL: await createDatabase(), JWT_SECRET }),
    looks: {
      caller: look(zh, "dark", 360),
      contributor: look(zh, "light", 1280),
      colleague: look(en, "dark", 1280),
      operator: look(en, "light", 360),
    },
  },
];

/** By the navigation, which a narrow screen folds into a menu. */
async function visit(page: Page, name: string): Promise<void> {
  const menu = page.locator("header [aria-controls]");
  if (await menu.isVisible()) await menu.click();
  await page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
}

/** From the address that one is told, by the introduction's own link. */
async function register(page: Page, t: Messages, email: string): Promise<void> {
  await page.goto("/");
  await page.getByRole("main").getByRole("link", { name: t.nav.register }).click();
  await fill(page, { email, password: PASSWORD });
  await submit(page);
  await page.waitForURL("/");
}

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
}, 180_000);

describe.each(stages)("on $database", (stage) => {
  let gateway: Gateway;
  let environment: Record<string, string>;
  /** Has a node that answers every question. */
  let host: Account;

  const play = (
    script: Script,
    scene: (tab: Tab, page: Page, words: Messages) => Promise<void>,
  ) => {
    const { words, locale, colorScheme, width } = stage.looks[script];
    const viewport = { width, height: 800 };
    const options = { baseURL: gateway.url, locale, colorScheme, viewport };
    return inTab(browser, options, async (tab, page) => {
      await scene(tab, page, words);
      await isAsWideAs(page, width);
      expect(await accessibilityFaults(page)).toEqual([]);
    });
  };

  beforeAll(async () => {
    environment = await stage.environment();
    gateway = await startGateway({ env: environment });
    host = await createAccount(gateway);
    const node = await joinNode({ gateway, owner: host, models: ["a-model"], maxParallel: 2 });
    answerEveryCall(node, "Gladly.");
  }, 180_000);

  test(
    "a caller creates an account and a key, makes a first call, and sees it arrive",
    async () => {
      await play("caller", async (tab, page, t) => {
        await register(page, t, freshEmail());
        await visit(page, t.nav.pages.keys);
        await button(page.getByRole("main"), t.keys.create).click();
        await fill(page, { name: "laptop" });
        await submit(page);
        const dialog = page.getByRole("dialog");
        await dialog.locator("pre", { hasText: "a-model" }).waitFor();
        await button(dialog, `${t.copy}: curl`).click();
        await button(dialog, `${t.copied}: curl`).waitFor();
        expect(await runCurl(await tab.clipboard())).toContain("Gladly.");
        await dialog.getByText(t.keys.received).waitFor();
        await button(dialog, t.keys.saved).click();
        await visit(page, t.nav.pages.dashboard);
        await page.getByRole("heading", { name: t.dashboard.by.key }).waitFor();
        await page.getByRole("main").getByText("laptop").first().waitFor();
      });
    },
  );

  test("a contributor gets a command to paste, and sees the machine connect", async () => {
    await play("contributor", async (tab, page, t) => {
      await register(page, t, freshEmail());
      await page.getByRole("main").getByRole("link", { name: t.nodes.add }).first().click();
      const dialog = page.getByRole("dialog", { name: t.nodes.adding.title });
      await dialog.getByText(t.nodes.adding.waiting).waitFor();
      await button(dialog, `${t.copy}: ${t.setup.terminal}`).click();
      await button(dialog, `${t.copied}: ${t.setup.terminal}`).waitFor();
      const code = / sh -s -- (\S+)$/.exec(await tab.clipboard())?.[1];
      const joined = await asked<JoinedView>(gateway, null, "POST /join", { code, machine: "pc" });
      const clientToken = joined.json.access_token;
      await joinNode({ gateway, owner: { ...host, clientToken }, models: ["mine"] });
      await dialog.locator("[data-part=look-out][data-done=true]").waitFor();
      await dialog.getByRole("link", { name: t.nodes.adding.see }).click();
      await page.getByText((t === zh ? zhNode : enNode).timelineTitle).waitFor();
      await page.getByText(t.nodes.causes.ready).waitFor();
      expect(tab.unexpectedFaults()).toEqual([]);
    });
  });

  test("a colleague looks around and chats with a model", async () => {
    await play("colleague", async (_tab, page, t) => {
      await page.goto("/");
      await page.getByRole("heading", { name: t.home.headline }).waitFor();
      await page.getByRole("banner").getByRole("link", { name: t.nav.signIn }).click();
      await fill(page, { email: host.email, password: host.password });
      await page.keyboard.press("Enter");
      await page.waitForURL("/");
      await visit(page, t.nav.pages.dashboard);
      await page.getByRole("link", { name: t.dashboard.nothing.made.action }).click();
      await page.locator("[data-part=samples] button").first().click();
      await page.getByText("Gladly.").waitFor();
      await page.getByText(t.playground.firstToken("X").split("X")[0]!.trim()).waitFor();
      await page.keyboard.press("Control+k");
      await page.keyboard.type(t.nav.pages.nodes);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { level: 1, name: t.nodes.title }).waitFor();
      await page.locator("[data-part=node-row]").first().getByRole("link").first().click();
      await page.getByText((t === zh ? zhNode : enNode).timelineTitle).waitFor();
    });
  });

  test("an operator invites a guest, who registers, and finds both in the audit log", async () => {
    const email = freshEmail();
    const guest = freshEmail();
    const { output } = await runGateway(["admin", "setup"], {
      dataDir: gateway.dataDir,
      env: environment,
    });
    await play("operator", async (tab, page, t) => {
      const administration = t === zh ? zhAdmin : enAdmin;
      await page.goto("/");
      await page.getByText(t.setup.notice).waitFor();
      await page.goto(/\/setup#\S+/.exec(output)?.[0] ?? "");
      await fill(page, { email, password: PASSWORD });
      await submit(page);
      await page.getByRole("heading", { name: t.home.checklistTitle }).waitFor();
      await button(page, t.nav.account).click();
      await page.getByRole("link", { name: t.nav.pages.admin, exact: true }).click();
      const main = page.getByRole("main");
      await main.getByText(administration.tabs.settings, { exact: true }).click();
      await main.getByText(administration.registrationText.invite).waitFor();
      await main.getByText(administration.tabs.invites, { exact: true }).click();
      await fill(page, { note: "for a friend" });
      await submit(page);
      const link = await main.locator("[data-part=invite-link] code").innerText();
      await inTab(browser, { baseURL: gateway.url }, async (_guestTab, guestPage) => {
        await guestPage.goto(link);
        await fill(guestPage, { email: guest, password: PASSWORD });
        await submit(guestPage);
        await guestPage.waitForURL("/");
      });
      await main.getByText(administration.tabs.audit, { exact: true }).click();
      const log = main.getByRole("row");
      await log.getByText(administration.actions["invite.created"]).waitFor();
      await log.getByText(administration.actions["account.registered"]).first().waitFor();
      await main.getByText(administration.tabs.users, { exact: true }).click();
      await main.getByText(guest).waitFor();
      expect(tab.unexpectedFaults()).toEqual([]);
    });
  });
});

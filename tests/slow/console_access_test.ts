/** Accessibility of the pages that need rights or a click: administration, own nodes, dialogs, the palette. */

import { beforeAll, expect, test } from "bun:test";
import type { Browser, Locator, Page } from "playwright-core";
import { en } from "../../web/i18n/en.ts";
import { admin } from "../../web/i18n/en/admin.ts";
import { node } from "../../web/i18n/en/node.ts";
import { overview } from "../../web/i18n/en/overview.ts";
import { inspect, inspectAsIs } from "../harness/accessibility.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { chat, hello } from "../harness/api.ts";
import { hasFocus, inTab, type Scene, startBrowser } from "../harness/browser.ts";
import { button, fill, signInBehindThePage, submit } from "../harness/console.ts";
import { type Gateway, runGateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { until } from "../harness/wait.ts";

const MODEL = "some-model";
/** Longer than a phone is wide. */
const LONG_EMAIL = "somebody.with.a.very.long.name.ok@a.department.of.a.university.some.example";

let browser: Browser;
let gateway: Gateway;
/** Has a node. */
let owner: Account;

beforeAll(async () => {
  [browser, gateway] = await Promise.all([startBrowser(), startGateway()]);
  owner = await createAccount(gateway, LONG_EMAIL);
  const node = await joinNode({ gateway, owner, models: [MODEL] });
  answerEveryCall(node, "Gladly.");
}, 180_000);

function visit(scene: Scene): () => Promise<void> {
  return () => inTab(browser, { baseURL: gateway.url }, scene);
}

function visitAsOwner(scene: Scene): () => Promise<void> {
  return visit(async (tab, page) => {
    await signInBehindThePage(tab.context, owner);
    await scene(tab, page);
  });
}

const dialogOf = (page: Page) => page.locator("dialog[open]");

/** Opens a dialog with the keyboard, inspects and closes it, and expects the focus where it was. */
async function inspectDialog(page: Page, opener: Locator, name: string): Promise<void> {
  await opener.focus();
  await page.keyboard.press("Enter");
  await dialogOf(page).waitFor();
  await inspectAsIs(page, name);
  await page.keyboard.press("Escape");
  await dialogOf(page).waitFor({ state: "detached" });
  await until(`the focus is back after ${name}`, () => {
    return opener.evaluate((one) => one.matches(":focus"));
  });
}

test(
  "the first administrator's pages, and every tab of the administration, fit a phone and are accessible",
  visit(async (tab, page) => {
    await inspect(page, "/", en.home.headline);
    await inspect(page, "/setup", en.setup.title);
    const { output } = await runGateway(["admin", "setup"], { dataDir: gateway.dataDir });
    await inspect(page, /\/setup#\S+/.exec(output)?.[0] ?? "", en.setup.title);
    await fill(page, { email: "op@example.com", password: "correct horse battery" });
    await submit(page);
    await page.getByRole("heading", { level: 1, name: en.home.overview }).waitFor();
    expect((await chat(gateway, owner.apiToken, hello("no-such-model"))).status).toBe(404);
    await page.getByRole("region", { name: overview.causesTitle }).getByText("model_not_found")
      .waitFor();
    await page.getByText(overview.allWell).waitFor();
    // The public way to this gateway is not encrypted, although this browser's is a secure context.
    await page.getByRole("listitem").filter({ hasText: en.home.checks.secure.title })
      .getByText(en.home.toDo).waitFor();
    await inspect(page, "/", en.home.overview);
    for (const tab of Object.keys(admin.tabs)) {
      await inspect(page, `/admin?tab=${tab}`, admin.title);
    }
    await page.goto("/admin?tab=groups");
    await fill(page, { name: "Lab" });
    await submit(page);
    await button(page, admin.editGroup("Lab")).click();
    await fill(page, { member: "op@example.com" });
    await button(page, admin.addMember).click();
    await button(page, admin.removeMember("op@example.com")).waitFor();
    await inspectAsIs(page, "a group");
    // The address of an open group leads to it.
    await page.reload();
    await button(page, admin.removeMember("op@example.com")).waitFor();
    await page.goto("/admin?tab=invites");
    await fill(page, { note: "turned \u202e round" });
    await submit(page);
    await page.locator("[name=note][aria-invalid=true]:focus").waitFor();
    await tab.expectFault(/400/);
    await fill(page, { note: "for a friend" });
    await submit(page);
    await page.locator("[data-part=invite-link]").waitFor();
    await page.getByRole("row", { name: /for a friend/ }).waitFor();
    await inspectAsIs(page, "an invite's link");
    await page.goto("/admin");
    await inspectDialog(page, button(page, admin.editUser(owner.email)), "a user's limits");
  }),
  180_000,
);

test(
  "every dialog opens and closes by keyboard, returns the focus, and is accessible",
  visitAsOwner(async (_tab, page) => {
    await page.goto("/nodes");
    const add = button(page.getByRole("main"), en.nodes.add);
    await inspectDialog(page, add, "how a node is added");
    await page.locator("[data-part=node-row]").getByRole("link").first().click();
    await page.getByText(node.timelineTitle).waitFor();
    await button(page, node.test.label(MODEL)).click();
    await page.locator("[data-part=test-result]", { hasText: "It answers" }).waitFor();
    await inspectAsIs(page, "a node's page");
    for (const name of [node.rename, node.rotate]) {
      await inspectDialog(page, button(page.getByRole("main"), name), name);
    }

    await page.goto("/models");
    await inspectDialog(page, button(page, en.models.snippet), "a model's snippet");

    await page.goto("/keys");
    await inspectDialog(page, button(page.getByRole("main"), en.keys.create), "a new key");
    await button(page.getByRole("main"), en.keys.create).click();
    await fill(page, { name: "ci" });
    await submit(page);
    await page.locator("[data-part=look-out]").waitFor();
    await until("the heading has the focus", () => hasFocus(page, "dialog[open] h2"));
    await inspectAsIs(page, "a key that was made");
    await button(dialogOf(page), en.keys.saved).click();
    for (const tool of [en.keys.edit, en.keys.rotate, en.keys.revoke]) {
      await inspectDialog(page, button(page, tool("ci")), tool("ci"));
    }
    const use = en.keys.use(en.keys.own.api);
    await inspectDialog(page, button(page, use), use);

    await page.goto("/playground");
    await page.locator("[data-part=samples] button").first().click();
    await page.getByText("Gladly.").waitFor();
    await inspectAsIs(page, "an answer");
    const { asCode, history, raw } = en.playground;
    for (const name of [asCode, history, raw]) {
      await inspectDialog(page, button(page, name), name);
    }
    await button(page, en.playground.compare).click();
    await button(page, en.playground.settings).click();
    await inspectAsIs(page, "two models and their settings");
    await button(page, en.playground.settings).click();
    await page.setViewportSize({ width: 360, height: 740 });
    const settings = button(page.getByRole("main"), en.playground.settings);
    await inspectDialog(page, settings, "the settings on a phone");
  }),
  180_000,
);

test(
  "the palette and the list of shortcuts are accessible, and return the focus",
  visitAsOwner(async (_tab, page) => {
    await page.goto("/calls");
    await page.getByRole("heading", { level: 1, name: en.calls.title }).waitFor();
    await page.keyboard.press("?");
    await dialogOf(page).waitFor();
    await inspectAsIs(page, "the shortcuts");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await dialogOf(page).waitFor();
    await inspectAsIs(page, "the palette");
    await page.keyboard.type("nothing is called so");
    await page.getByText(en.palette.none).waitFor();
    await inspectAsIs(page, "the palette without a find");
    await page.keyboard.press("Escape");
    await dialogOf(page).waitFor({ state: "detached" });
    await button(page, en.nav.account).click();
    await inspectAsIs(page, "the account's menu");
    await page.keyboard.press("Escape");
    await until("the focus is back", () => hasFocus(page, "[popovertarget]"));
  }),
  180_000,
);

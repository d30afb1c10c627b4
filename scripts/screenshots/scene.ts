/** What there is to see in the console: one scene a page and state of it. */

import type { Page, Route } from "playwright-core";
import type { InfoView, JoinRequestView, NodeView } from "../../api/mod.ts";
import { manyNodes } from "./crowd.ts";
import { budgets, keys } from "./records.ts";

export interface Scene {
  name: string;
  path: string;
  /** Whether somebody is signed in. */
  isUser?: boolean;
  /** Whether that is one who runs the gateway. */
  isAdmin?: boolean;
  /** Whether everything needs attention. */
  isTroubled?: boolean;
  /** What the gateway says of itself, where its own answer shows less. */
  info?: Partial<InfoView>;
  /** The nodes that the gateway lists; default: a crowd in every state. */
  nodes?: readonly NodeView[];
  /** What else it seems to answer, by the pattern of its address. */
  answers?: Record<string, (route: Route) => Promise<void>>;
  /** Whether something is asked for and does not come. */
  isLoading?: boolean;
  /** Whether only what fits the window is pictured: a dialog covers no more. */
  isCropped?: boolean;
  /** Brings the page into the state to be seen. */
  act?: (page: Page) => Promise<void>;
}

export const scenes: readonly Scene[] = [
  { name: "home", path: "/" },
  { name: "home-idle", path: "/", info: { nodes: 0, models: 0 }, act: openMenu },
  { name: "home-user", path: "/", isUser: true },
  { name: "overview", path: "/", isUser: true, isAdmin: true },
  { name: "overview-empty", path: "/", isUser: true, isAdmin: true, nodes: [] },
  { name: "overview-trouble", path: "/", isUser: true, isAdmin: true, isTroubled: true },
  { name: "home-first", path: "/", isUser: true, nodes: [] },
  { name: "register", path: "/register" },
  { name: "register-problems", path: "/register", info: { registration: "invite" }, act: submit },
  { name: "register-closed", path: "/register", info: { registration: "closed" } },
  { name: "setup", path: "/setup#setup-t0yc3k-4f1d", info: { setup: true } },
  { name: "setup-way-in", path: "/setup", info: { setup: true } },
  { name: "home-new", path: "/", info: { nodes: 0, models: 0, setup: true } },
  { name: "login", path: "/login?next=/dashboard" },
  { name: "login-refused", path: "/login", act: signInWrongly },
  { name: "dashboard", path: "/dashboard", isUser: true },
  { name: "dashboard-tokens", path: "/dashboard?range=7d", isUser: true, act: firstToken },
  { name: "dashboard-empty", path: "/dashboard", isUser: true, nodes: [], act: showTokens },
  { name: "nodes", path: "/nodes", isUser: true },
  {
    name: "nodes-many",
    path: "/nodes",
    isUser: true,
    isAdmin: true,
    nodes: manyNodes(Date.now()),
    isCropped: true,
  },
  { name: "nodes-add", path: "/nodes?add=1", isUser: true, isCropped: true },
  { name: "nodes-empty", path: "/nodes", nodes: [] },
  { name: "nodes-lost", path: "/nodes", act: loseGateway },
  { name: "node", path: "/nodes/studio-pc", isUser: true },
  { name: "node-penalized", path: "/nodes/cloud-key", isUser: true },
  { name: "models", path: "/models", isUser: true },
  { name: "models-empty", path: "/models", isUser: true, nodes: [] },
  {
    name: "models-snippet",
    path: "/models?can=embeddings",
    isUser: true,
    act: (page) => page.locator("main ul button").first().click(),
    isCropped: true,
  },
  { name: "playground", path: "/playground", isUser: true, isCropped: true },
  { name: "playground-empty", path: "/playground", isUser: true, nodes: [], isCropped: true },
  { name: "playground-answer", path: "/playground", isUser: true, act: askModel, isCropped: true },
  {
    name: "playground-compare",
    path: "/playground?model=deepseek-r1:32b",
    isUser: true,
    act: compareModels,
    isCropped: true,
  },
  {
    name: "playground-code",
    path: "/playground",
    isUser: true,
    act: async (page) => {
      await askModel(page);
      await tool(page, 1);
    },
    isCropped: true,
  },
  {
    name: "playground-failed",
    path: "/playground",
    isUser: true,
    act: askModel,
    answers: { "**/v1/chat/completions": refuseCall },
    isCropped: true,
  },
  { name: "keys", path: "/keys", isUser: true },
  { name: "keys-empty", path: "/keys", isUser: true, nodes: [] },
  { name: "keys-use", path: "/keys", isUser: true, act: useKey, isCropped: true },
  { name: "keys-create", path: "/keys?create=1", isUser: true, act: limitKey, isCropped: true },
  { name: "keys-created", path: "/keys?create=1", isUser: true, act: createKey, isCropped: true },
  { name: "calls", path: "/calls", isUser: true, act: openCall },
  { name: "calls-empty", path: "/calls", isUser: true, nodes: [] },
  { name: "budgets", path: "/budgets", isUser: true },
  {
    name: "budgets-short",
    path: "/budgets",
    isUser: true,
    answers: {
      "**/api/user/budgets": (route) =>
        route.fulfill({ json: { budgets: budgets(Date.now(), 171_200) } }),
    },
  },
  { name: "budgets-empty", path: "/budgets", isUser: true, nodes: [] },
  { name: "reset", path: "/reset#reset-Ab3kZr7TqLw9xYz4mNpQ" },
  {
    name: "join",
    path: "/join?code=7KQ4-M2XP",
    isUser: true,
    answers: { "**/api/join/requests/*": joinRequest },
  },
  { name: "settings", path: "/settings", isUser: true },
  { name: "admin", path: "/admin", isUser: true, isAdmin: true },
  { name: "admin-groups", path: "/admin?tab=groups", isUser: true, isAdmin: true },
  { name: "admin-aliases", path: "/admin?tab=aliases", isUser: true, isAdmin: true },
  { name: "admin-models", path: "/admin?tab=models", isUser: true, isAdmin: true },
  { name: "admin-invites", path: "/admin?tab=invites", isUser: true, isAdmin: true },
  { name: "admin-nodes", path: "/admin?tab=nodes", isUser: true, isAdmin: true },
  { name: "admin-settings", path: "/admin?tab=settings", isUser: true, isAdmin: true },
  { name: "admin-audit", path: "/admin?tab=audit", isUser: true, isAdmin: true },
  {
    name: "admin-user",
    path: "/admin",
    isUser: true,
    isAdmin: true,
    act: editUser,
    isCropped: true,
  },
  {
    name: "admin-invited",
    path: "/admin?tab=invites",
    isUser: true,
    isAdmin: true,
    act: invite,
  },
  {
    name: "keys-rotate",
    path: "/keys",
    isUser: true,
    act: (page) => page.locator("tr", { hasText: "laptop" }).locator("td button").nth(1).click(),
    isCropped: true,
  },
  {
    name: "keys-loading",
    path: "/keys",
    isUser: true,
    answers: { "**/api/keys": never },
    isLoading: true,
  },
  {
    name: "nodes-loading",
    path: "/nodes",
    isUser: true,
    answers: { "**/api/nodes": never },
    isLoading: true,
  },
  {
    name: "dashboard-failed",
    path: "/dashboard",
    isUser: true,
    answers: { "**/api/usage*": fail },
  },
  { name: "calls-failed", path: "/calls", isUser: true, answers: { "**/api/calls*": fail } },
  { name: "node-gone", path: "/nodes/nobody", isUser: true, answers: { "**/api/nodes/*": miss } },
  { name: "help", path: "/nodes", isUser: true, act: openHelp, isCropped: true },
  {
    name: "playground-history",
    path: "/playground",
    isUser: true,
    act: async (page) => {
      await askModel(page);
      await tool(page, 2);
    },
    isCropped: true,
  },
  {
    name: "playground-raw",
    path: "/playground",
    isUser: true,
    act: async (page) => {
      await askModel(page);
      await page.locator("article footer button").nth(1).click();
    },
    isCropped: true,
  },
  { name: "palette", path: "/nodes", isUser: true, act: openPalette, isCropped: true },
  { name: "account", path: "/nodes", isUser: true, act: openAccount, isCropped: true },
  { name: "docs", path: "/docs" },
  { name: "docs-page", path: "/docs/getting-started", isCropped: true },
  { name: "not-found", path: "/no/such/page" },
];

/** Only narrow screens hide it. */
async function openMenu(page: Page): Promise<void> {
  const menu = page.locator("header [aria-controls]");
  if (await menu.isVisible()) await menu.click();
}

async function openPalette(page: Page): Promise<void> {
  await page.keyboard.press("Control+k");
  await page.locator("dialog[open]").waitFor();
}

async function openHelp(page: Page): Promise<void> {
  await page.keyboard.press("?");
  await page.locator("dialog[open]").waitFor();
}

async function editUser(page: Page): Promise<void> {
  await page.locator("td button").nth(1).click();
  await page.locator("dialog[open]").waitFor();
}

async function invite(page: Page): Promise<void> {
  await page.route("**/api/admin/invites", (route) => {
    const isMade = route.request().method() === "POST";
    return isMade
      ? route.fulfill({ json: { code: "invite-Ab3kZr7TqLw9xYz4mNpQ" } })
      : route.fallback();
  });
  await page.locator("[type=submit]").click();
  await page.locator("[data-part=invite-link]").waitFor();
}

function joinRequest(route: Route): Promise<void> {
  const created_at = Date.now() - 40_000;
  const request: JoinRequestView = {
    machine: "studio-pc",
    address: "192.168.1.34",
    created_at,
    expires_at: created_at + 15 * 60_000,
    state: "open",
  };
  return route.fulfill({ json: { request } });
}

/** What is asked for does not come. */
function never(): Promise<void> {
  return Promise.resolve();
}

function fail(route: Route): Promise<void> {
  const error = { message: "no", type: "server_error", param: null, code: "store_unavailable" };
  return route.fulfill({ status: 503, json: { error } });
}

function miss(route: Route): Promise<void> {
  const error = { message: "no", type: "server_error", param: null, code: "not_found" };
  return route.fulfill({ status: 404, json: { error } });
}

async function openAccount(page: Page): Promise<void> {
  await page.locator("[popovertarget]").click();
}

async function submit(page: Page): Promise<void> {
  await page.locator("[name=email]").fill("lin@");
  await page.locator("[type=submit]").click();
  await page.locator("[id$=-problem]").first().waitFor();
}

async function signInWrongly(page: Page): Promise<void> {
  await page.locator("[name=email]").fill(`${crypto.randomUUID()}@example.org`);
  await page.locator("[name=password]").fill("not the password");
  await page.locator("[type=submit]").click();
  await page.locator("[role=alert]").waitFor();
}

async function showTokens(page: Page): Promise<void> {
  for (const button of await page.locator("[data-part=copy-field] [aria-pressed]").all()) {
    await button.click();
  }
}

async function firstToken(page: Page): Promise<void> {
  await page.locator("fieldset").last().locator("label").last().click();
}

async function loseGateway(page: Page): Promise<void> {
  await page.route("**/api/*", (route) => route.abort());
  await page.locator("[data-part=banner]").waitFor();
}

async function askModel(page: Page): Promise<void> {
  await page.locator("[data-part=samples] button").last().click();
  await page.locator("article footer").last().waitFor();
}

async function compareModels(page: Page): Promise<void> {
  await tool(page, 0);
  await askModel(page);
  await tool(page, 3);
}

async function tool(page: Page, nth: number): Promise<void> {
  await page.locator("main [data-part=tools] button").nth(nth).click();
}

async function refuseCall(route: Route): Promise<void> {
  const error = { message: "no", type: "server_error", param: null, code: "nodes_penalized" };
  await route.fulfill({ status: 503, headers: { "retry-after": "42" }, json: { error } });
}

async function limitKey(page: Page): Promise<void> {
  await page.locator("dialog[open] fieldset label").last().click();
  await page.locator("dialog[open] [type=submit]").click();
  await page.locator("[id$=-problem]").first().waitFor();
}

async function createKey(page: Page): Promise<void> {
  const key = keys(Date.now()).find(({ name }) => name === "laptop");
  const token = "sk-colink-Ab3kZr7TqLw9xYz4mNpQ";
  await page.route("**/api/keys", (route) => {
    const isMade = route.request().method() === "POST";
    return isMade ? route.fulfill({ json: { key, token } }) : route.fallback();
  });
  await page.locator("dialog[open] [name=name]").fill("laptop");
  await page.locator("dialog[open] [type=submit]").click();
  await page.locator("[data-part=look-out]").waitFor();
}

async function useKey(page: Page): Promise<void> {
  await page.locator("tbody tr td:last-child button").first().click();
  await page.locator("dialog[open] pre").waitFor();
}

async function openCall(page: Page): Promise<void> {
  await page.locator("li button[aria-expanded]").nth(1).click();
}

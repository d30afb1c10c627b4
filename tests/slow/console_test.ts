/** The console in a real browser, served by the built gateway. */

import { beforeAll, expect, test } from "bun:test";
import type { CallDetail, CandidateView, ChoiceView } from "../../api/mod.ts";
import { SignJWT } from "jose";
import type { Browser } from "playwright-core";
import { en } from "../../web/i18n/en.ts";
import { settings } from "../../web/i18n/en/settings.ts";
import { zh } from "../../web/i18n/zh.ts";
import { aCall } from "../../web/testing/call.ts";
import { accessibilityFaults, inspect, isAsWideAs } from "../harness/accessibility.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello } from "../harness/api.ts";
import {
  comeBackTo,
  hasFocus,
  inTab,
  type Scene,
  startBrowser,
  type Tab,
  type TabOptions,
} from "../harness/browser.ts";
import { endAfterTests } from "../harness/cleanup.ts";
import {
  button,
  copied,
  DARK,
  fill,
  freshEmail,
  keyRow,
  LIGHT,
  look,
  problemOf,
  signInBehindThePage,
  submit,
} from "../harness/console.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { startNode } from "../harness/node.ts";
import { runCurl } from "../harness/shell.ts";
import { say, startUpstream } from "../harness/upstream.ts";
import { until } from "../harness/wait.ts";

const JWT_SECRET = "a secret of the console's tests, long enough";
const PASSWORD = "correct horse battery";
const MODEL = "console-model";

let browser: Browser;
let gateway: Gateway;
/** Has a node that serves MODEL. */
let owner: Account;

beforeAll(async () => {
  [browser, gateway] = await Promise.all([startBrowser(), startGateway({ env: { JWT_SECRET } })]);
  owner = await createAccount(gateway);
  const upstream = startUpstream({ "local-model": say("Hello from a live model") });
  await startNode({
    gateway,
    clientToken: owner.clientToken,
    providers: [{
      type: "openai",
      api_key: "sk-upstream",
      base_url: upstream.url,
      models: [{ local: "local-model", server_mapping: MODEL }],
    }],
  });
}, 180_000);

/** Plays a scene in a visitor's tab. */
function visit(scene: Scene, options: Partial<TabOptions> = {}): () => Promise<void> {
  return () => inTab(browser, { baseURL: gateway.url, ...options }, scene);
}

/** Plays a scene in a tab where the owner is signed in, with a session of its own. */
function visitAsOwner(scene: Scene): () => Promise<void> {
  return visit(async (tab, page) => {
    await signInBehindThePage(tab.context, owner);
    await scene(tab, page);
  });
}

test(
  "a visitor sees the introduction, and the gateway is not asked for a user",
  visit(async (tab, page) => {
    await page.goto("/");
    await page.getByRole("heading", { name: en.home.headline }).waitFor();
    await page.getByText(en.online(1, 1)).waitFor();
    await page.getByText(`${gateway.url}/v1`).waitFor();
    expect(tab.requests).toContain("GET /api/info");
    expect(tab.requests).not.toContain("GET /api/user/me");
  }),
);

test(
  "a new user creates a key, calls a model with the code shown, and sees the call arrive",
  visit(async (tab, page) => {
    await page.goto("/");
    await page.getByRole("main").getByRole("link", { name: en.nav.register }).click();
    await fill(page, { email: freshEmail(), password: PASSWORD });
    await page.locator("[type=submit]").dblclick();
    await page.waitForURL("/");
    expect(tab.requests.filter((one) => one === "POST /api/auth/register")).toHaveLength(1);
    await page.goto("/keys");
    const own = keyRow(page, en.keys.own.api);
    const token = await copied(tab, own);
    expect(token).toStartWith("sk-colink-");
    expect(await page.locator("main").innerText()).not.toContain(token);
    await button(own, en.keys.use(en.keys.own.api)).click();
    await page.getByRole("dialog").locator("pre", { hasText: MODEL }).waitFor();
    const field = page.getByRole("region", { name: en.keys.own.api });
    await button(field, en.show).click();
    expect(await field.locator("code").innerText()).toBe(token);
    await page.keyboard.press("Escape");

    await button(page.getByRole("main"), en.keys.create).click();
    await fill(page, { name: "my laptop" });
    await submit(page);
    const dialog = page.getByRole("dialog");
    await dialog.getByText(en.keys.waiting).waitFor();
    await dialog.locator("pre", { hasText: MODEL }).waitFor();
    await button(dialog, `${en.copy}: curl`).click();
    await button(dialog, `${en.copied}: curl`).waitFor();
    const line = await tab.clipboard();
    expect(line).toMatch(/Bearer sk-colink-\w+"/);
    expect(await dialog.locator("pre").innerText()).toContain("Bearer sk-colink-••••");
    expect(await runCurl(line)).toContain("Hello from a live model");
    await dialog.getByText(en.keys.received).waitFor();
    await dialog.getByLabel(en.clients.label).selectOption("Codex");
    await button(dialog, `${en.copy}: ~/.codex/config.toml`).click();
    await button(dialog, `${en.copied}: ~/.codex/config.toml`).waitFor();
    expect(await tab.clipboard()).toContain(`model = "${MODEL}"`);
    await dialog.locator("pre", { hasText: "export COLINK_API_KEY=sk-colink-••••" }).waitFor();
    await button(dialog, en.keys.saved).click();
    await page.getByRole("row", { name: /my laptop/ }).waitFor();

    await page.goto("/dashboard");
    await page.getByRole("region", { name: en.dashboard.totals }).locator("dd").first().getByText(
      "1",
      { exact: true },
    ).waitFor();
  }),
);

test(
  "an account's own key is rotated as any other, and the old one stops working",
  visit(async (tab, page) => {
    const account = await createAccount(gateway);
    await signInBehindThePage(tab.context, account);
    await page.goto("/keys");
    const own = keyRow(page, en.keys.own.api);
    const dialog = page.getByRole("dialog");
    await button(own, en.keys.rotate(en.keys.own.api)).click();
    await button(dialog, en.cancel).click();
    await dialog.waitFor({ state: "hidden" });
    expect(await copied(tab, own)).toBe(account.apiToken);
    expect(await copied(tab, keyRow(page, en.keys.own.client))).toBe(account.clientToken);

    await button(own, en.keys.rotate(en.keys.own.api)).click();
    await dialog.locator("[name=overlap]").selectOption("3600");
    await button(dialog, en.keys.rotateAction).click();
    await dialog.getByText(en.keys.stays).waitFor();
    const fresh = await copied(tab, dialog.getByRole("region", { name: en.keys.own.api }));
    await page.keyboard.press("Escape");
    expect(fresh).not.toBe(account.apiToken);
    expect(await copied(tab, own.first())).toBe(fresh);
    expect(await statusOf(account.apiToken)).toBe(200);

    const old = own.filter({ hasText: en.keys.replaced });
    await button(old, en.keys.revoke(en.keys.own.api)).click();
    await button(dialog, en.keys.revokeAction).click();
    await old.waitFor({ state: "detached" });
    expect(await statusOf(account.apiToken)).toBe(401);
    expect(await statusOf(fresh)).toBe(200);
  }),
);

test(
  "copying works without TLS, where browsers offer no clipboard API",
  visitAsOwner(async (tab, page) => {
    await page.addInitScript("delete Navigator.prototype.clipboard");
    await page.goto("/keys");
    const field = keyRow(page, en.keys.own.api);
    await button(field, en.copy).click();
    await button(field, en.copied).waitFor();
    const other = await tab.context.newPage();
    await other.goto("/");
    const line = await other.evaluate<string>("navigator.clipboard.readText()");
    expect(line).toBe(owner.apiToken);
  }),
);

test(
  "signing out ends the session in every tab, and signing in returns to the requested page",
  visitAsOwner(async (tab, page) => {
    await page.goto("/dashboard");
    const other = await tab.another();
    await other.goto("/dashboard");
    await other.getByText(owner.email).waitFor();
    await button(page, en.nav.account).click();
    await button(page, en.nav.signOut).click();
    await page.getByRole("heading", { name: en.home.headline }).waitFor();
    await other.getByText(en.account.sessionEnded).waitFor();

    await page.goto("/dashboard");
    await page.waitForURL("/login?next=%2Fdashboard");
    await fill(page, { email: owner.email, password: "not the password" });
    await page.keyboard.press("Enter");
    await page.getByText(en.errors.invalid_credentials).waitFor();
    await tab.expectFault(/ 401 .*\/api\/auth\/login/);
    await fill(page, { password: owner.password });
    await page.keyboard.press("Enter");
    await page.waitForURL("/dashboard");
    await page.getByText(owner.email).waitFor();
  }),
);

test(
  "an expired session leads to the login page and back to the same page",
  visitAsOwner(async (tab, page) => {
    await page.goto("/dashboard?from=test");
    await page.getByText(owner.email).waitFor();
    await expireSession(tab);
    await comeBackTo(page);
    await page.getByText(en.account.sessionEnded).waitFor();
    await tab.expectFault(/ 401 .*\/api\//);
    await fill(page, { email: owner.email, password: owner.password });
    await submit(page);
    await page.waitForURL("/dashboard?from=test");

    // A day later the first visit learns that the session has ended; later ones do not ask.
    await page.goto("about:blank");
    await expireSession(tab);
    await page.goto("/dashboard?from=test");
    await page.waitForURL(/\/login\?next=/);
    await tab.expectFault(/ 401 .*\/api\/user\/me/);
    await page.goto("/");
    await page.getByText(en.home.headline).waitFor();
  }),
);

test(
  "the first steps are ticked off as they are taken, and can be dismissed",
  visit(async (tab, page) => {
    const account = await createAccount(gateway);
    await signInBehindThePage(tab.context, account);
    await page.goto("/");
    const { checks } = en.home;
    const step = (title: string) => page.locator("main ol li", { hasText: title });
    const ticked = page.getByRole("list", { name: en.home.done, exact: true });
    await ticked.getByText(checks.online.title).waitFor();
    await step(checks.called.title).getByText(en.home.toDo).waitFor();
    expect((await chat(gateway, account.apiToken, hello(MODEL))).status).toBe(200);
    await ticked.getByText(checks.called.title).waitFor();
    await step(checks.provided.title).getByRole("link").click();
    await page.waitForURL("/nodes?add=1");
    await page.goBack();
    await button(page, en.home.dismiss).click();
    await page.getByText(en.home.daily.noNodes).waitFor();
    await page.reload();
    await page.getByText(en.home.daily.noNodes).waitFor();
    await button(page, en.home.showChecklist(1)).click();
    await step(checks.provided.title).getByText(en.home.toDo).waitFor();
  }),
);

test(
  "a page that could not be loaded says why, and loads at the second try",
  visitAsOwner(async (tab, page) => {
    const error = { message: "no", type: "server_error", param: null, code: "store_unavailable" };
    const answers = "**/api/user/me";
    await page.route(answers, (route) => route.fulfill({ status: 503, json: { error } }));
    await page.goto("/dashboard");
    await page.getByText(en.errors.store_unavailable).waitFor();
    await page.getByText("store_unavailable").waitFor();
    await button(page, `${en.copy}: ${en.errorDetails}`).click();
    await button(page, `${en.copied}: ${en.errorDetails}`).waitFor();
    expect(JSON.parse(await tab.clipboard()))
      .toMatchObject({ code: "store_unavailable", status: 503, page: "/dashboard" });
    await tab.expectFault(/ 503 .*\/api\/user\/me/);
    await page.unroute(answers);
    await button(page, en.tryAgain).click();
    await page.getByText(owner.email).waitFor();
  }),
);

test(
  "one connection reports all changes, and is closed while the tab is hidden",
  visitAsOwner(async (tab, page) => {
    const opened = () => tab.requests.filter((one) => one === "GET /api/live").length;
    await page.goto("/dashboard");
    await page.getByText(owner.email).waitFor();
    await until("the connection is there", () => opened() === 1);
    for (const name of [en.nav.pages.nodes, en.nav.pages.models, en.nav.pages.dashboard]) {
      await page.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { level: 1, name }).waitFor();
    }
    await comeBackTo(page);
    await page.getByText(owner.email).waitFor();
    expect(opened()).toBe(1);

    const show = (isHidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, "hidden", { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));`,
      );
    await show(true);
    await show(false);
    await until("the connection is there again", () => opened() === 2);
  }),
);

test(
  "a page whose data fails to load says why beside its last data, and recovers by itself",
  visitAsOwner(async (tab, page) => {
    const error = { message: "no", type: "server_error", param: null, code: "internal_error" };
    await page.goto("/keys");
    const answers = "**/api/keys";
    await keyRow(page, en.keys.own.api).waitFor();
    await page.route(answers, (route) => route.fulfill({ status: 500, json: { error } }));
    await comeBackTo(page);
    await page.getByRole("alert").getByText(en.errors.internal_error).waitFor();
    await keyRow(page, en.keys.own.api).waitFor();
    await tab.expectFault(/ 500 .*\/api\/keys/);
    await page.unroute(answers);
    await comeBackTo(page);
    await page.getByRole("alert").waitFor({ state: "detached" });
  }),
);

test(
  "a key is limited, changed, rotated with an overlap and revoked; revoking it twice shows an error",
  visit(async (tab, page) => {
    const account = await createAccount(gateway);
    await signInBehindThePage(tab.context, account);
    await page.goto("/keys");
    await button(page.getByRole("main"), en.keys.create).click();
    const dialog = page.getByRole("dialog");
    await submit(page);
    expect(await problemOf(page, "name")).toBe(en.keys.problems.nameMissing);
    await dialog.getByText(en.keys.someModels).click();
    await dialog.getByRole("checkbox", { name: MODEL }).check();
    await fill(page, { name: "ci", rpm: "5" });
    await submit(page);
    await button(dialog, en.keys.saved).click();
    const row = page.getByRole("row", { name: /ci/ });
    await row.getByText(MODEL).waitFor();
    await row.getByText(en.keys.perMinute("5")).waitFor();

    await button(row, en.keys.edit("ci")).click();
    await fill(page, { name: "build server" });
    await submit(page);
    const renamed = page.getByRole("row", { name: /build server/ });
    await button(renamed, en.keys.rotate("build server")).click();
    await button(dialog, en.keys.rotateAction).click();
    await button(dialog, en.keys.saved).click();
    await page.getByText(en.keys.replaced).waitFor();
    expect(await renamed.count()).toBe(2);

    const old = renamed.filter({ hasText: en.keys.replaced });
    await button(old, en.keys.revoke("build server")).click();
    await button(dialog, en.keys.revokeAction).dblclick();
    await old.waitFor({ state: "detached" });

    // Another tab is faster.
    const other = await tab.another();
    await other.goto("/keys");
    for (const tabPage of [page, other]) {
      const left = tabPage.getByRole("row", { name: /build server/ });
      await button(left, en.keys.revoke("build server")).click();
    }
    await button(other.getByRole("dialog"), en.keys.revokeAction).click();
    await other.getByRole("row", { name: /build server/ }).waitFor({ state: "detached" });
    await button(dialog, en.keys.revokeAction).click();
    await dialog.getByRole("alert").waitFor();
    await tab.expectFault(/ 404 .*\/api\/keys/);
  }),
);

const candidate: CandidateView = {
  node: "node-1",
  node_name: "studio",
  chosen: true,
  expected_first_ms: 300,
  expected_end_ms: 2_000,
  load_ms: 0,
  held_chars: 4_000,
  free_slots: 2,
  measured: true,
};
const choiceOfTwo: ChoiceView = {
  trial: false,
  real_first_ms: 320,
  real_end_ms: 2_100,
  candidates: [
    candidate,
    { ...candidate, node: null, node_name: null, chosen: false, measured: false },
  ],
};

test(
  "a call is listed soon after its end, opens to its attempts, and filters the list",
  visit(async (tab, page) => {
    const account = await createAccount(gateway);
    await signInBehindThePage(tab.context, account);
    await page.goto("/calls");
    await page.getByText(en.calls.emptyTitle).waitFor();
    expect((await chat(gateway, account.apiToken, hello(MODEL))).status).toBe(200);
    const line = page.locator("li button[aria-expanded]", { hasText: MODEL });
    await line.waitFor();
    // One node alone serves the model, which leaves nothing to choose.
    const detail: { call: Pick<CallDetail, "choice"> } = { call: { choice: choiceOfTwo } };
    await page.route("**/api/calls/*", (route) => route.fulfill({ json: detail }));
    await line.click();
    const why = page.getByRole("region", { name: en.calls.choice.title });
    await why.getByRole("row", { name: /studio/ }).getByText(en.calls.choice.chosen).waitFor();
    await why.getByRole("row").getByText(en.calls.choice.hidden).waitFor();
    await page.getByRole("list", { name: en.calls.waterfall }).getByRole("listitem").getByText(
      en.calls.ends.ok,
    ).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await button(page, en.calls.only(en.calls.narrowings.status, "200")).click();
    await page.waitForURL(/status=200/);
    await page.getByLabel(en.calls.outcome).selectOption("failed");
    await page.getByText(en.calls.noneTitle).waitFor();
    await page.goBack();
    await line.waitFor();
    await page.getByLabel(en.calls.day).fill("2020-02-29");
    await page.waitForURL(/day=2020-02-29/);
    await page.getByText(en.calls.noneTitle).waitFor();
    await page.getByLabel(en.calls.day).fill("");
    await line.waitFor();

    const models = page.getByLabel(en.calls.pick(en.calls.narrowings.model));
    await models.focus();
    await page.locator(`datalist option[value="${MODEL}"]`).waitFor({ state: "attached" });
    await models.fill("no such model");
    await page.keyboard.press("Enter");
    await page.getByText(en.pick("no such model", 0)).waitFor();
    await models.fill(MODEL.slice(0, 5).toUpperCase());
    await page.keyboard.press("Enter");
    await page.waitForURL(new RegExp(`model=${MODEL}`));
    await line.waitFor();
  }),
);

test(
  "an open call with names as long as they may be scrolls no page sideways",
  visit(async (tab, page) => {
    const account = await createAccount(gateway);
    await signInBehindThePage(tab.context, account);
    const call = aCall({
      model: `${"Long".repeat(40)}model`,
      key_name: "k".repeat(100),
      node_name: `\u202e${"n".repeat(100)}`,
      prompt_tokens: 987_654_321,
      completion_tokens: 987_654_321,
    });
    const calls = { calls: [call], next_cursor: null, looked_to: null };
    await page.route("**/api/calls?*", (route) => route.fulfill({ json: calls }));
    const detail = { call: { choice: null } };
    await page.route("**/api/calls/*", (route) => route.fulfill({ json: detail }));
    await page.goto("/calls");
    await page.locator("li button[aria-expanded]").click();
    await button(page, en.calls.only(en.calls.narrowings.model, call.model)).waitFor();
    for (const width of [360, 768, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      await isAsWideAs(page, width);
    }
  }),
);

test(
  "changing the password keeps this session and ends all others",
  visit(async (tab, page) => {
    const account = await createAccount(gateway);
    await signInBehindThePage(tab.context, account);
    await inTab(browser, { baseURL: gateway.url }, async (elsewhere, otherPage) => {
      await signInBehindThePage(elsewhere.context, account);
      await otherPage.goto("/settings");
      await page.goto("/settings");
      await page.getByText(settings.endOthers).waitFor();
      await fill(page, { current_password: "not it at all", new_password: "short" });
      await submit(page);
      expect(await problemOf(page, "new_password")).toBe(en.account.problems.passwordShort);
      await fill(page, { new_password: "a better horse battery" });
      await submit(page);
      await page.getByText(en.errors.invalid_credentials).waitFor();
      expect(await problemOf(page, "current_password")).toBe(en.errors.invalid_credentials);
      await tab.expectFault(/ 401 .*\/api\/user\/password/);
      await fill(page, { current_password: account.password });
      await submit(page);
      await page.getByText(settings.passwordChanged).waitFor();
      await otherPage.getByText(en.account.sessionEnded).waitFor();
    });
    await page.reload();
    await page.getByText(settings.thisOne).waitFor();
  }),
);

test(
  "problems of a form are shown beside their fields, in the chosen language",
  visit(async (tab, page) => {
    await page.goto("/register");
    await fill(page, { email: "lin", password: "short" });
    await submit(page);
    expect(await problemOf(page, "email")).toBe(zh.account.problems.emailWrong);
    expect(await problemOf(page, "password")).toBe(zh.account.problems.passwordShort);
    await until("the first wrong field has the focus", () => hasFocus(page, "[name=email]"));
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(tab.requests).not.toContain("POST /api/auth/register");

    await fill(page, { email: owner.email, password: PASSWORD });
    await submit(page);
    await page.getByText(zh.errors.email_taken).waitFor();
    expect(await problemOf(page, "email")).toBe(zh.errors.email_taken);
    await tab.expectFault(/ 400 .*\/api\/auth\/register/);
    await fill(page, { email: freshEmail() });
    await submit(page);
    await page.waitForURL("/");
  }, { locale: "zh-CN" }),
);

test(
  "the fields have the autocomplete values that password managers need",
  visit(async (_tab, page) => {
    const roleOf = (name: string) => page.locator(`[name=${name}]`).getAttribute("autocomplete");
    for (
      const [path, role] of [["/register", "new-password"], ["/login", "current-password"]] as const
    ) {
      await page.goto(path);
      expect(await roleOf("email")).toBe("username");
      expect(await roleOf("password")).toBe(role);
    }
  }),
);

test(
  "a chosen language and theme survive a reload, and apply before the first paint",
  visit(async (tab, page) => {
    await page.goto("/nodes");
    await page.getByRole("heading", { name: en.nodes.title }).waitFor();
    expect(await look(page)).toEqual({ lang: "en", ground: DARK });
    await button(page, en.languageSwitch.label).click();
    await button(page, zh.nav.theme.system).click();
    await page.getByRole("heading", { name: zh.nodes.title }).waitFor();
    expect(await look(page)).toEqual({ lang: "zh-CN", ground: LIGHT });
    await page.reload();
    await page.getByRole("heading", { name: zh.nodes.title }).waitFor();
    expect(await look(page)).toEqual({ lang: "zh-CN", ground: LIGHT });

    await page.route("**/assets/main-*.js", (route) => route.abort());
    await page.reload();
    expect(await look(page)).toEqual({ lang: "zh-CN", ground: LIGHT });
    await tab.expectFault(/ERR_FAILED/);
  }, { colorScheme: "dark" }),
);

test.each([["light", DARK], ["dark", LIGHT]] as const)(
  "the first press on the theme switch changes the theme, where the system is %s",
  (colorScheme, ground) =>
    visit(async (_tab, page) => {
      await page.goto("/");
      await button(page, en.nav.theme.system).click();
      expect((await look(page)).ground).toBe(ground);
    }, { colorScheme })(),
);

test(
  "every page that a visitor opens by its address fits a phone and is accessible",
  visit(async (_tab, page) => {
    await inspect(page, "/", en.home.headline);
    await inspect(page, "/register", en.account.registerTitle);
    await inspect(page, "/reset#reset-x", en.account.resetTitle);
    await inspect(page, "/login", en.account.loginTitle);
    await inspect(page, "/nodes", en.nodes.title);
    await inspect(page, "/no/such/page", en.notFound.title);
  }),
);

test(
  "every page that a user opens by its address fits a phone and is accessible",
  visitAsOwner(async (_tab, page) => {
    await inspect(page, "/", en.home.welcome);
    await inspect(page, "/nodes", en.nodes.title);
    await inspect(page, "/nodes?add=1", en.nodes.title);
    await inspect(page, "/models", en.models.title);
    await inspect(page, "/playground", en.playground.title);
    await inspect(page, "/dashboard", en.dashboard.title);
    await inspect(page, "/keys", en.keys.title);
    await inspect(page, "/keys?create=1", en.keys.title);
    await inspect(page, "/calls", en.calls.title);
    await inspect(page, "/budgets", en.budgets.title);
    await inspect(page, "/settings", settings.title);
  }),
);

test(
  "an account is created, a token copied and a rotation cancelled by keyboard alone",
  visit(async (tab, page) => {
    await page.goto("/");
    await tab.tabTo("main a[href='/register']");
    await page.keyboard.press("Enter");
    await tab.tabTo("[name=email]");
    await page.keyboard.type(freshEmail());
    await tab.tabTo("[name=password]");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await page.waitForURL("/");
    await page.keyboard.press("g");
    await page.keyboard.press("k");
    await page.waitForURL("/keys");
    const copy = `[aria-label="${en.copy}: ${en.keys.own.api}"]`;
    await tab.tabTo(copy);
    await page.keyboard.press("Enter");
    await page.locator(`[aria-label="${en.copied}: ${en.keys.own.api}"]`).waitFor();
    expect(await tab.clipboard()).toStartWith("sk-colink-");

    const rotate = `[aria-label="${en.keys.rotate(en.keys.own.api)}"]`;
    await tab.tabTo(rotate);
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await until("the focus is back", () => hasFocus(page, rotate));
  }),
);

test(
  "no script can read the session, and no foreign script runs",
  visitAsOwner(async (tab, page) => {
    await page.goto("/dashboard");
    await page.getByText(owner.email).waitFor();
    const jwt = (await sessionCookie(tab)).value;
    const readable = await page.evaluate<string>(
      "document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)",
    );
    expect(readable).toContain("colink_signed_in=1");
    expect(readable).not.toContain(jwt);
    expect(await sessionCookie(tab)).toMatchObject({ sameSite: "Strict", path: "/" });

    await page.evaluate(`
    const script = document.createElement("script");
    script.textContent = "document.title = 'ran'";
    document.head.append(script);
  `);
    expect(await page.title()).toBe(`${en.dashboard.title} · Co-Link`);
    await tab.expectFault(/Content Security Policy/);
  }),
);

test(
  "another site can neither read a session nor end or start one",
  visitAsOwner(async (tab, page) => {
    const site = startForeignSite();
    const foreign = await tab.context.newPage();
    for (const path of ["/logout", "/login"]) {
      await foreign.goto(site + path);
      await foreign.locator("button").click();
      await foreign.getByText(/"error"/).waitFor();
    }
    await foreign.goto(site);
    const me = foreign.evaluate(`fetch("${gateway.url}/api/user/me", { credentials: "include" })`);
    await expect(me).rejects.toThrow("Failed to fetch");
    await page.goto("/dashboard");
    await page.getByText(owner.email).waitFor();
  }),
);

async function sessionCookie(tab: Tab) {
  const found = (await tab.context.cookies()).find(({ httpOnly }) => httpOnly);
  if (found === undefined) throw new Error("The browser has no session");
  return found;
}

/** Replaces the owner's session with one that this gateway signed and that expired an hour ago. */
async function expireSession(tab: Tab): Promise<void> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const value = await new SignJWT()
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuer("co-link")
    .setAudience("co-link-console")
    .setSubject(owner.user.id)
    .setIssuedAt(nowSeconds - 7200)
    .setExpirationTime(nowSeconds - 3600)
    .sign(new TextEncoder().encode(JWT_SECRET));
  await tab.context.addCookies([{ ...await sessionCookie(tab), value }]);
}

async function statusOf(apiToken: string): Promise<number> {
  return (await ask(`${gateway.url}/v1/models`, { token: apiToken })).status;
}

/** Resolves with the address of a site whose forms try to end and start sessions at the gateway. */
function startForeignSite(): string {
  const page = (action: string, field = "") => {
    const html = `<form method=post enctype=text/plain action="${gateway.url}${action}">` +
      `${field}<button>go</button></form>`;
    return new Response(html, { headers: { "content-type": "text/html" } });
  };
  // A form's `name=value`, sent as plain text, can be valid JSON.
  const login = JSON.stringify({ email: owner.email, password: owner.password, rest: "" });
  const field = `<input name='${login.slice(0, -2)}' value='"}'>`;
  const server = Bun.serve({
    port: 0,
    routes: {
      "/logout": page("/api/auth/logout"),
      "/login": page("/api/auth/login", field),
      "/*": page("/"),
    },
  });
  endAfterTests(() => server.stop(true));
  // Another host than 127.0.0.1, and so another site.
  return `http://localhost:${server.port}`;
}

test(
  "the manual opens from the bar in the reader's language, is searched by keyboard alone, and shows this gateway's address",
  visit(async (tab, page) => {
    await page.goto("/");
    const opened = tab.context.waitForEvent("page");
    await page.getByRole("link", { name: zh.nav.manual }).click();
    const manual = await opened;
    await manual.waitForURL("**/docs/zh/");
    const noise: string[] = [];
    manual.on("console", (line) => line.type() === "error" && noise.push(line.text()));
    await manual.keyboard.press("/");
    await manual.keyboard.type("queue_full");
    await manual.locator("#results a").first().waitFor();
    await manual.keyboard.press("ArrowDown");
    await manual.keyboard.press("Enter");
    await manual.waitForURL("**/docs/zh/errors#queue_full");
    expect(await manual.locator("tr:target").innerText()).toContain("429");
    await manual.getByRole("link", { name: "English" }).click();
    await manual.waitForURL("**/docs/en/errors#queue_full");
    await manual.goto("/docs/en/api");
    expect(await manual.locator("pre").allInnerTexts()).toContainEqual(
      expect.stringContaining(`${gateway.url}/v1`),
    );
    expect(await accessibilityFaults(manual)).toEqual([]);
    expect(noise).toEqual([]);
  }, { locale: "zh-CN" }),
  180_000,
);

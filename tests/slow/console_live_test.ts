/** The console while nodes and gateways come and go, and with other settings. */

import { beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { freePort } from "../../scripts/free_port.ts";
import { Program, run } from "../../scripts/program.ts";
import type { DeviceAuthorization, ErrorView, JoinedView } from "../../api/mod.ts";
import { en } from "../../web/i18n/en.ts";
import { admin } from "../../web/i18n/en/admin.ts";
import { join as joinPage } from "../../web/i18n/en/join.ts";
import { inspectAsIs } from "../harness/accessibility.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { chat, hello } from "../harness/api.ts";
import { inTab, startBrowser } from "../harness/browser.ts";
import { endAfterTests, temporaryFolder } from "../harness/cleanup.ts";
import {
  button,
  fill,
  freshEmail,
  keyRow,
  problemOf,
  signInBehindThePage,
  submit,
} from "../harness/console.ts";
import {
  type Gateway,
  gatewayCommand,
  gatewayEnvironment,
  runGateway,
  startGateway,
} from "../harness/gateway.ts";
import { asked as request } from "../harness/console_api.ts";
import { joinNode } from "../harness/joined_node.ts";
import { nodeCommand } from "../harness/node.ts";
import { startOllama } from "../harness/ollama.ts";

const t = en.nodes;
const PASSWORD = "correct horse battery";
const HOUR_MS = 60 * 60_000;

let browser: Browser;
let gateway: Gateway;
let owner: Account;

beforeAll(async () => {
  [browser, gateway] = await Promise.all([
    startBrowser(),
    // A node that is killed is offline soon.
    startGateway({ env: { COLINK_RESUME_SECONDS: "1" } }),
  ]);
  owner = await createAccount(gateway);
}, 180_000);

// Concurrent, because they mostly wait for programs and for the page's next update.

test.concurrent("the command that Add node shows connects a node, and the dialog turns green", () =>
  inTab(browser, { baseURL: gateway.url }, async (tab, page) => {
    // The nodes of other accounts must not be taken for this one.
    const account = await createAccount(gateway);
    await signInBehindThePage(tab.context, account);
    await page.goto("/nodes?add=1");
    const dialog = page.getByRole("dialog", { name: t.adding.title });
    await dialog.getByText(t.adding.systems.installed, { exact: true }).click();
    await dialog.getByText(t.adding.waiting).waitFor();
    await button(dialog, `${en.copy}: ${en.setup.terminal}`).click();
    await button(dialog, `${en.copied}: ${en.setup.terminal}`).waitFor();

    const folder = temporaryFolder();
    const client = nodeCommand().map((word) => `'${word}'`).join(" ");
    writeFileSync(join(folder, "colink-client"), `#!/bin/sh\nexec ${client} "$@"\n`, {
      mode: 0o755,
    });
    const { host } = startOllama({ "tiny:1b": 1e9 });
    const env = { PATH: `${folder}:${process.env.PATH}`, HOME: folder, OLLAMA_HOST: host };
    const node = new Program("node", ["sh", "-c", `exec ${await tab.clipboard()}`], {
      cwd: folder,
      env,
    });
    endAfterTests(() => node.kill());
    await dialog.locator("[data-part=look-out][data-done=true]").waitFor();
    await dialog.getByRole("link", { name: t.adding.see }).click();
    await page.getByText(t.states.ready).first().waitFor();
    await node.kill();
    await page.getByText(t.states.away, { exact: true }).first().waitFor();
  }));

test.concurrent("a machine that asks to join is shown by its code, and gets its token once it is approved", () =>
  inTab(browser, { baseURL: gateway.url }, async (tab, page) => {
    const account = await createAccount(gateway);
    const ask = { machine: "studio-pc" };
    const asked =
      (await request<DeviceAuthorization>(gateway, null, "POST /join/device", ask)).json;
    const poll = () =>
      request<JoinedView & ErrorView>(gateway, null, "POST /join/token", {
        grant_type: "urn:ietf:params:oauth:grant-type:device_code",
        device_code: asked.device_code,
      });
    expect((await poll()).json.error.code).toBe("authorization_pending");
    await page.goto(`/join?code=${asked.user_code}`);
    await page.waitForURL(/\/login\?next=/);
    await fill(page, { email: account.email, password: account.password });
    await submit(page);
    await inspectAsIs(page, "a machine that asks to join");
    await page.getByText("studio-pc", { exact: true }).waitFor();
    await button(page, joinPage.approve).click();
    await page.getByText(joinPage.approved("studio-pc")).waitFor();
    expect((await poll()).json.account).toBe(account.email);
    expect(tab.unexpectedFaults()).toEqual([]);
  }));

test.concurrent("a node that loses its connection is shown as away, with the reason, until it is back", () =>
  inTab(browser, { baseURL: gateway.url }, async (tab, page) => {
    await signInBehindThePage(tab.context, owner);
    const nodeId = crypto.randomUUID();
    const options = { gateway, owner, models: ["cut-model"], nodeId };
    const node = await joinNode(options);
    await page.goto(`/nodes?q=${nodeId}`);
    const row = page.locator("[data-part=node-row]", { hasText: nodeId });
    await row.getByText(t.states.ready).waitFor();
    node.raw.terminate();
    await row.getByText(t.states.away, { exact: true }).waitFor();
    await row.getByText(t.goneBy.lost.cause).waitFor();
    await row.getByText(t.goneBy.lost.fix).waitFor();
    await joinNode(options);
    await row.getByText(t.states.ready).waitFor();
  }));

test.concurrent("a node is shown joining, working, penalised and leaving, also with a clock that is an hour off", () =>
  inTab(browser, { baseURL: gateway.url }, async (_tab, page) => {
    await page.clock.install({ time: Date.now() - HOUR_MS });
    await page.goto("/nodes");
    const models = ["live-model", `<img src=x onerror="console.error('ran')">`];
    const node = await joinNode({ gateway, owner, models, maxParallel: 2 });
    const row = page.locator("[data-part=node-row]", { hasText: "live-model" });
    await row.getByText(en.nodes.states.ready).waitFor();
    await row.getByText(/connected (now|\d+ seconds? ago)/).waitFor();
    expect(await row.locator("[data-part=models] li").allInnerTexts()).toEqual(models);
    const fail = async (model: string) => {
      const answer = chat(gateway, owner.apiToken, hello(model));
      node.fail(await node.called(), 401);
      expect((await answer).status).toBe(502);
    };
    const meter = row.getByRole("meter", { name: en.nodes.slotsLabel });
    expect(await meter.getAttribute("aria-valuenow")).toBe("0");

    const good = chat(gateway, owner.apiToken, hello("live-model"));
    const call = await node.called();
    await meter.getByText("1 / 2").waitFor();
    expect(await meter.getAttribute("aria-valuenow")).toBe("1");
    node.answer(call, "done");
    expect((await good).status).toBe(200);

    const away = `${t.faults.upstream_auth.cause} No calls for another`;
    await fail("live-model");
    await row.getByText(new RegExp(`^live-model: ${away} \\d\\d s\\.`)).waitFor();
    await row.getByText(en.nodes.states.ready).waitFor();
    await fail(models[1]!);
    await row.getByText(en.nodes.states.penalized).waitFor();
    await row.getByText(new RegExp(`^${away} \\d\\d s\\.`)).waitFor();
    await meter.getByText("0 / 2").waitFor();

    await node.raw.close();
    await row.waitFor({ state: "detached" });
  }));

test.concurrent("a gateway that dies is noticed, its last data stays, and its return needs no reload", async () => {
  const env = { PORT: String(freePort()) };
  const first = await startGateway({ env });
  const account = await createAccount(first);
  const node = await joinNode({ gateway: first, owner: account, models: ["kept-model"] });
  await inTab(browser, { baseURL: first.url }, async (tab, nodes) => {
    await signInBehindThePage(tab.context, account);
    await nodes.goto("/nodes");
    await nodes.getByText("kept-model").waitFor();
    const dashboard = await tab.another();
    await dashboard.goto("/dashboard");
    await dashboard.getByText(account.email).waitFor();

    await first.kill();
    const banner = nodes.getByText(/Connection .* lost\. What you see is from \d+ seconds? ago/);
    await banner.waitFor();
    await nodes.getByText("kept-model").waitFor();
    await dashboard.locator("[data-part=banner]").waitFor();
    await dashboard.getByText(account.email).waitFor();

    await node.raw.closed;
    const second = await startGateway({ env, dataDir: first.dataDir });
    await joinNode({ gateway: second, owner: account, models: ["new-model"] });
    await nodes.getByText("new-model").waitFor();
    await nodes.locator("[data-part=node-row]", { hasText: "kept-model" }).getByText(
      t.states.away,
      { exact: true },
    )
      .waitFor();
    await banner.waitFor({ state: "detached" });
    await dashboard.locator("[data-part=banner]").waitFor({ state: "detached" });
    await tab.expectFault(/net::ERR_/);
  });
});

test.concurrent("tokens from before a change of the gateway's secret are shown as invalid, and can be replaced", async () => {
  const first = await startGateway({ env: { JWT_SECRET: "the secret that was there at first" } });
  const account = await createAccount(first);
  await first.kill();
  const second = await startGateway({
    env: { JWT_SECRET: "the secret that took its place later on" },
    dataDir: first.dataDir,
  });
  await inTab(browser, { baseURL: second.url }, async (tab, page) => {
    await signInBehindThePage(tab.context, account);
    await page.goto("/keys");
    const warning = page.getByText(en.keys.unreadable);
    await warning.waitFor();
    const dialog = page.getByRole("dialog");
    for (const name of Object.values(en.keys.own)) {
      const own = keyRow(page, name);
      await button(own, en.keys.rotate(name)).click();
      await dialog.locator("[name=overlap]").selectOption("0");
      await button(dialog, en.keys.rotateAction).click();
      await dialog.getByText(en.keys.stays).waitFor();
      await page.keyboard.press("Escape");
      await button(own, en.copy).waitFor();
    }
    await warning.waitFor({ state: "detached" });
  });
});

test.concurrent("a gateway with closed registration shows a text instead of the form", async () => {
  const closed = await startGateway({ env: { COLINK_REGISTRATION: "closed" } });
  await inTab(browser, { baseURL: closed.url }, async (_tab, page) => {
    await page.goto("/register");
    await page.getByText(en.account.closedText).waitFor();
    expect(await page.locator("form").count()).toBe(0);
  });
});

test.concurrent("an invited person registers by the link, and every page shows the gateway's public address", async () => {
  const env = { COLINK_REGISTRATION: "invite", COLINK_PUBLIC_URL: "https://colink.example/" };
  const invited = await startGateway({ env });
  await inTab(browser, { baseURL: invited.url }, async (tab, page) => {
    await page.goto("/");
    await page.getByText("https://colink.example/v1", { exact: true }).waitFor();
    await page.goto("/register?invite=not-an-invite");
    await fill(page, { email: freshEmail(), password: PASSWORD });
    await submit(page);
    await page.getByText(en.errors.invite_required).waitFor();
    expect(await problemOf(page, "invite")).toBe(en.errors.invite_required);
    await tab.expectFault(/ 403 .*\/api\/auth\/register/);

    await page.goto(`/register?invite=${await inviteCode(invited)}`);
    await fill(page, { email: freshEmail(), password: PASSWORD });
    await submit(page);
    await page.waitForURL("/");
    await page.goto("/nodes?add=1");
    await page.locator("pre", { hasText: "https://colink.example/install.sh" }).waitFor();
    await page.goto("/playground");
    await button(page, en.playground.asCode).click();
    await page.locator("pre", { hasText: "https://colink.example/v1/chat" }).waitFor();
    expect(await page.locator("body").innerText()).not.toContain(invited.url);
  });
});

test.concurrent("one administrator's change appears on another's page and in the audit log without reloading", async () => {
  const gateway = await startGateway();
  const { output } = await runGateway(["admin", "setup"], { dataDir: gateway.dataDir });
  await inTab(browser, { baseURL: gateway.url }, async (tab, page) => {
    await page.goto(/\/setup#\S+/.exec(output)?.[0] ?? "");
    await fill(page, { email: freshEmail(), password: PASSWORD });
    await submit(page);
    await page.getByText(en.home.checklistTitle).waitFor();
    await page.goto("/admin?tab=settings");
    await page.getByText(admin.registrationText.invite).waitFor();
    const log = await tab.another();
    await log.goto("/admin?tab=audit");
    const entries = log.getByRole("row", { name: admin.actions["settings.changed"] });
    await entries.first().waitFor();
    const known = await entries.count();
    const other = await tab.another();
    await other.goto("/admin?tab=settings");
    await other.getByText(admin.modes.closed, { exact: true }).click();
    await page.getByText(admin.registrationText.closed).waitFor();
    await entries.nth(known).waitFor();
  });
});

async function inviteCode({ dataDir }: Gateway): Promise<string> {
  const { output } = await run([...gatewayCommand(), "admin", "invite"], {
    cwd: dataDir,
    env: gatewayEnvironment(dataDir),
  });
  return /invite-\w+/.exec(output)?.[0] ?? "";
}

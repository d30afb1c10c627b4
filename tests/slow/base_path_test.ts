/** A gateway below a path of its host, behind nginx: console, API, calls and nodes. */

import { beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { en } from "../../web/i18n/en.ts";
import { startProxyBelow } from "../harness/balancer.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { inTab, startBrowser } from "../harness/browser.ts";
import { button, fill, submit } from "../harness/console.ts";
import { CLIENT, TestProvider } from "../../server/http/testing/test_provider.ts";
import { freePort } from "../../scripts/free_port.ts";
import { runGateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, type JoinedNode, joinNode } from "../harness/joined_node.ts";

const PATH = "/tools/co-link";

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
}, 180_000);

describe.each([["passes the whole path on", false], ["removes the path", true]] as const)(
  "behind a proxy that %s",
  (_what, strips) => {
    test("pages, their data, calls, and nodes work, and the cookie is for that path alone", async () => {
      const port = freePort();
      const own = `http://127.0.0.1:${port}`;
      const proxy = await startProxyBelow(PATH, own, { strips });
      const provider = await TestProvider.start(
        [`${proxy.url}/api/auth/oidc/callback`],
        "localhost",
      );
      const env = {
        PORT: String(port),
        COLINK_PUBLIC_URL: `${proxy.url}/`,
        COLINK_OIDC_ISSUER: provider.issuer,
        COLINK_OIDC_CLIENT_ID: CLIENT.id,
        COLINK_OIDC_CLIENT_SECRET: CLIENT.secret,
        COLINK_OIDC_LABEL: "The Lab",
      };
      const gateway = await startGateway({ env });
      const account = await createAccount(proxy);
      const node = await joinNode({ gateway: proxy, owner: account, models: ["some-model"] });
      answerEveryCall(node, "Gladly.");

      const setup = await runGateway(["admin", "setup"], { dataDir: gateway.dataDir, env });
      expect(setup.output).toContain(`${proxy.url}/setup#`);

      const page = await (await fetch(`${proxy.url}/dashboard`)).text();
      expect(page).toContain(`data-base="${PATH}"`);
      if (!strips) await visitConsole(proxy.url, account, node);
      if (strips) await signInAndOut(proxy.url, provider);
      provider.stop();

      // Health checks and other gateways come without the path.
      expect((await fetch(`${own}/livez`)).status).toBe(200);
      const unknown = await fetch(`${proxy.url}/v1/nothing`);
      expect([unknown.status, await unknown.text()])
        .toEqual([404, expect.stringContaining("Cannot GET /v1/nothing")]);
    });
  },
);

/** With the sign-in provider, whose pages are another site's. */
async function signInAndOut(url: string, provider: TestProvider): Promise<void> {
  const email = "person@example.org";
  provider.people.set("person", { sub: "person", email, email_verified: true });
  provider.signsIn = "person";
  const context = await browser.newContext({ locale: "en-US" });
  const page = await context.newPage();
  await page.goto(`${url}/login?next=${encodeURIComponent(`${PATH}/settings`)}`);
  await page.getByRole("link", { name: en.account.providerAction("The Lab") }).click();
  await page.waitForURL(`${url}/settings`);
  await page.getByText(email).first().waitFor();
  expect((await context.cookies(url)).map(({ path }) => path)).toEqual([PATH, PATH]);
  await button(page, en.nav.account).click();
  await page.getByRole("button", { name: en.nav.signOut, exact: true }).click();
  await page.getByRole("button", { name: "Yes, sign me out" }).click();
  await page.waitForURL(`${url}/login`);
  expect(await context.cookies(url)).toEqual([]);
  await context.close();
}

async function visitConsole(url: string, account: Account, node: JoinedNode): Promise<void> {
  await inTab(browser, { baseURL: url }, async (tab, page) => {
    await page.goto(`${url}/login?next=${encodeURIComponent(`${PATH}/nodes`)}`);
    await fill(page, { email: account.email, password: account.password });
    await submit(page);
    await page.getByText(node.nodeId).first().waitFor();
    expect(new URL(page.url()).pathname).toBe(`${PATH}/nodes`);
    const cookies = await tab.context.cookies(url);
    expect(cookies.map(({ path }) => path)).toEqual([PATH, PATH]);

    // A page of its own, with what it imports lazily, and its styles and fonts.
    await page.goto(`${url}/playground?model=some-model`);
    await page.getByRole("textbox", { name: en.playground.message }).fill("Hello");
    await button(page, en.playground.send).click();
    await page.getByText("Gladly.").waitFor();
    await page.getByRole("link", { name: en.nav.pages.dashboard }).first().click();
    await page.waitForURL(`${url}/dashboard`);
    const elsewhere = tab.requests.filter((one) => !one.includes(` ${PATH}`));
    expect(elsewhere).toEqual([]);
    await page.getByRole("link", { name: /^Co-Link/ }).first().click();
    await page.waitForURL((url) => url.pathname === PATH);
  });
}

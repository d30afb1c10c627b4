/**
 * Pictures of every page of the console, to be looked at: `bun run screenshots [SCENE…]`. Both
 * themes, both languages, a phone's width and a desk's, into data/screenshots/.
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { build } from "./build.ts";
import { type Credentials, ensureAccount } from "./quickstart/account.ts";
import { Stack } from "./quickstart/stack.ts";
import { at } from "./root.ts";
import { pretend } from "./screenshots/pretend.ts";
import { type Scene, scenes } from "./screenshots/scene.ts";
import { Steps } from "./steps.ts";
import { provide, requirements } from "./testing/requirement.ts";

const OUTPUT = "data/screenshots";

interface Look {
  width: number;
  theme: "light" | "dark";
  language: "en" | "zh-CN";
}

const looks: readonly Look[] = [360, 1280].flatMap((width) =>
  (["light", "dark"] as const).flatMap((theme) =>
    (["en", "zh-CN"] as const).map((language) => ({ width, theme, language }))
  )
);

const steps = new Steps();

async function main(names: readonly string[]): Promise<void> {
  const chosen = names.length === 0 ? scenes : scenes.filter(({ name }) => names.includes(name));
  const { chromium: browser, chineseFont } = requirements;
  await steps.run("find a browser and a font with Chinese", async () => {
    const installed = await provide([browser, chineseFont]);
    if (installed.length > 0) return `installed ${installed.join(", ")}`;
  });
  await build(["web"], steps);
  const folder = mkdtempSync(join(tmpdir(), "co-link-screenshots-"));
  const gateway = [process.execPath, at("server", "main.ts")];
  const stack = new Stack(folder, { gateway, node: [] });
  try {
    const url = await stack.startGateway(0);
    const account = await ensureAccount(url, folder);
    await steps.run("take the pictures", () => takeAll(chosen, url, account));
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function takeAll(
  chosen: readonly Scene[],
  url: string,
  account: Credentials,
): Promise<string> {
  mkdirSync(at(OUTPUT), { recursive: true });
  const executablePath = requirements.chromium.find() ?? undefined;
  const browser = await chromium.launch({ executablePath });
  try {
    const session = await signIn(browser, url, account);
    // Most of a picture's time is waiting, so all looks of a scene are taken at once.
    for (const scene of chosen) {
      await Promise.all(looks.map((look) => take(browser, url, session, scene, look)));
    }
  } finally {
    await browser.close();
  }
  return `${chosen.length * looks.length} in ${OUTPUT}/`;
}

async function take(
  browser: Browser,
  url: string,
  session: Session,
  scene: Scene,
  look: Look,
): Promise<void> {
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width: look.width, height: 800 },
    locale: look.language,
    colorScheme: look.theme,
    reducedMotion: "reduce",
    ...(scene.isUser && { storageState: session }),
  });
  await pretend(context, scene);
  const page = await context.newPage();
  await page.goto(scene.path);
  await page.locator("h1").waitFor();
  await scene.act?.(page);
  // What was asked for at the start has come.
  await page.waitForLoadState("networkidle");
  await page.evaluate("scrollTo(0, 0)");
  const file = `${scene.name}-${look.width}-${look.theme}-${look.language}.png`;
  await page.screenshot({ path: at(OUTPUT, file), fullPage: !scene.isCropped });
  await context.close();
}

type Session = Awaited<ReturnType<BrowserContext["storageState"]>>;

async function signIn(
  browser: Browser,
  baseURL: string,
  { email, password }: Credentials,
): Promise<Session> {
  const context = await browser.newContext({ baseURL });
  await context.request.post("/api/auth/login", { data: { email, password } });
  const session = await context.storageState();
  await context.close();
  return session;
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

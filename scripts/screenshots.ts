/**
 * Pictures of every page of the console, to be looked at: `bun run screenshots [SCENE…] [LOOK…]`.
 * Both themes, both languages, from a phone's width to a wide desk's, into data/screenshots/; a LOOK
 * (`--360`, `--light`, `--zh-CN`) leaves out the others of its kind. With `--docs`, those that the
 * documentation shows, into docs/screenshots/. With `--check` no picture is taken: each look is
 * measured instead for what is cut, lies on something else, is English among Chinese, or is not
 * accessible. What is found is printed, and the command then fails.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { build } from "./build.ts";
import { type Credentials, ensureAccount } from "./quickstart/account.ts";
import { Stack } from "./quickstart/stack.ts";
import { at } from "./root.ts";
import { accessibilityFaults, drawnFaults } from "./screenshots/inspect.ts";
import { pretend } from "./screenshots/pretend.ts";
import { type Scene, scenes } from "./screenshots/scene.ts";
import { serveSpeech } from "./screenshots/speech.ts";
import { Steps } from "./steps.ts";
import { provide, requirements } from "./testing/requirement.ts";

const OUTPUT = "data/screenshots";
const DOCS_OUTPUT = "docs/screenshots";

interface Look {
  width: number;
  theme: "light" | "dark";
  language: "en" | "zh-CN";
}

const widths = [360, 768, 1280, 1680] as const;
const themes = ["light", "dark"] as const;
const languages = ["en", "zh-CN"] as const;

/** Of each kind those that `args` name, or all where it names none. */
function looksOf(args: readonly string[]): Look[] {
  const chosen = <T extends string | number>(all: readonly T[]): readonly T[] => {
    const named = all.filter((one) => args.includes(`--${one}`));
    return named.length > 0 ? named : all;
  };
  return chosen(widths).flatMap((width) =>
    chosen(themes).flatMap((theme) =>
      chosen(languages).map((language) => ({ width, theme, language }))
    )
  );
}

/** What the documentation shows, by scene. */
const shown: readonly (readonly [scene: string, theme: Look["theme"]])[] = [
  ["home", "light"],
  ["dashboard", "light"],
  ["nodes", "dark"],
  ["playground-compare", "light"],
  ["calls", "dark"],
  ["keys-created", "light"],
];

/** The time that a page is given to be drawn again after a change of its width. */
const SETTLE_MS = 200;

const steps = new Steps();

async function main(args: readonly string[]): Promise<void> {
  const names = args.filter((arg) => !arg.startsWith("--"));
  const chosen = names.length === 0 ? scenes : scenes.filter(({ name }) => names.includes(name));
  const isForDocs = args.includes("--docs");
  const { chromium: browser, chineseFont } = requirements;
  await steps.run("find a browser and a font with Chinese", async () => {
    const installed = await provide([browser, chineseFont]);
    return installed.length > 0 ? `installed ${installed.join(", ")}` : "";
  });
  await build(["web"], steps);
  const folder = mkdtempSync(join(tmpdir(), "co-link-screenshots-"));
  const gateway = [process.execPath, at("server", "main.ts")];
  const stack = new Stack(folder, { gateway, node: [] });
  try {
    const url = await stack.startGateway(0);
    const account = await ensureAccount(url, folder);
    await steps.run(
      "take the pictures",
      () =>
        withStage(
          url,
          account,
          (stage) => {
            if (isForDocs) return takeShown(stage);
            return args.includes("--check")
              ? checkAll(stage, chosen, looksOf(args))
              : takeAll(stage, chosen, looksOf(args));
          },
        ),
    );
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What every picture is taken with. */
interface Stage {
  browser: Browser;
  /** Of the gateway. */
  url: string;
  session: Session;
  speechUrl: string;
}

async function withStage(
  url: string,
  account: Credentials,
  work: (stage: Stage) => Promise<string>,
): Promise<string> {
  const executablePath = requirements.chromium.find();
  const browser = await chromium.launch(executablePath === null ? {} : { executablePath });
  const speech = serveSpeech();
  try {
    const session = await signIn(browser, url, account);
    return await work({ browser, url, session, speechUrl: speech.url });
  } finally {
    await browser.close();
    speech.stop();
  }
}

async function takeAll(
  stage: Stage,
  chosen: readonly Scene[],
  looks: readonly Look[],
): Promise<string> {
  mkdirSync(at(OUTPUT), { recursive: true });
  for (const scene of chosen) {
    // Most of a picture's time is waiting, so all looks of a scene are taken at once.
    await Promise.all(looks.map((look) => {
      const file = `${scene.name}-${look.width}-${look.theme}-${look.language}.png`;
      return take(
        stage,
        scene,
        look,
        (page) => page.screenshot({ path: at(OUTPUT, file), fullPage: !scene.isCropped }),
      );
    }));
  }
  return `${chosen.length * looks.length} in ${OUTPUT}/`;
}

/** A page is opened once for each theme and language, and made as wide as the looks say. Rejects where anything is found. */
async function checkAll(
  stage: Stage,
  chosen: readonly Scene[],
  looks: readonly Look[],
): Promise<string> {
  const kinds = Map.groupBy(looks, ({ theme, language }) => `${theme} ${language}`);
  let count = 0;
  for (const scene of chosen) {
    for (const [first, ...others] of kinds.values()) {
      await take(stage, scene, first!, async (page) => {
        for (const { width, theme, language } of [first!, ...others]) {
          await page.setViewportSize({ width, height: 800 });
          await page.waitForTimeout(SETTLE_MS);
          const faults = [
            ...await drawnFaults(page, language === "zh-CN"),
            // Colours and names depend on the width in few places, and axe takes the longest.
            ...width === first!.width ? await accessibilityFaults(page) : [],
          ];
          count += faults.length;
          for (const fault of faults) {
            console.log(`${scene.name} ${width} ${theme} ${language}: ${fault}`);
          }
        }
      }).catch((error: Error) => {
        count++;
        console.log(`${scene.name} ${first!.theme} ${first!.language}: ${error.message}`);
      });
    }
  }
  const result = `${chosen.length * looks.length} looks, ${count} findings`;
  if (count > 0) throw new Error(result);
  return result;
}

/** At a desk's width and no higher than a window, as small files as look good. */
async function takeShown(stage: Stage): Promise<string> {
  mkdirSync(at(DOCS_OUTPUT), { recursive: true });
  for (const [name, theme] of shown) {
    const scene = scenes.find((one) => one.name === name);
    if (!scene) throw new Error(`Cannot take ${name}: there is no such scene`);
    await take(stage, scene, { width: 1280, theme, language: "en" }, async (page) => {
      const webp = await asWebp(stage.browser, await page.screenshot());
      writeFileSync(at(DOCS_OUTPUT, `${name}.webp`), webp);
    });
  }
  return `${shown.length} in ${DOCS_OUTPUT}/`;
}

const WEBP_QUALITY = 0.82;

/** The browser itself is the one program at hand that writes the format. */
async function asWebp(browser: Browser, png: Uint8Array): Promise<Uint8Array> {
  const page = await browser.newPage();
  const source = `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
  const webp = await page.evaluate<string>(`(async () => {
    const image = new Image();
    image.src = ${JSON.stringify(source)};
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", ${WEBP_QUALITY});
  })()`);
  await page.close();
  return Buffer.from(webp.slice(webp.indexOf(",") + 1), "base64");
}

async function take(
  { browser, url, session, speechUrl }: Stage,
  scene: Scene,
  look: Look,
  picture: (page: Page) => Promise<unknown>,
): Promise<void> {
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width: look.width, height: 800 },
    locale: look.language,
    colorScheme: look.theme,
    reducedMotion: "reduce",
    ...(scene.isUser && { storageState: session }),
  });
  await pretend(context, scene, speechUrl);
  const page = await context.newPage();
  await page.goto(scene.path);
  await page.locator("h1").waitFor();
  await scene.act?.(page);
  // What was asked for at the start has come, and the typeface with it.
  if (!scene.isLoading) await page.waitForLoadState("networkidle");
  await page.evaluate("document.fonts.ready");
  await page.evaluate("scrollTo(0, 0)");
  await picture(page);
  // Requests of the page that are still open fail when the context closes.
  await context.unrouteAll({ behavior: "ignoreErrors" });
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

/** A real browser, and tabs that record every error in them. */

import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import { endAfterTests } from "./cleanup.ts";
import { until } from "./wait.ts";

/** `baseURL` resolves relative addresses and is the only host that may be requested. */
export type TabOptions = BrowserContextOptions & { baseURL: string };

/** Long, because a machine that is busy with other tests renders slowly. */
const WAIT_MS = 60_000;

/** Starts Chromium: the one that the test command found, otherwise the one in the PATH. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env.COLINK_TEST_CHROMIUM ?? Bun.which("chromium");
  const browser = await chromium.launch({
    ...(executablePath !== null && { executablePath }),
    // Names that are not this machine's own, to which browsers show less over plain HTTP.
    args: ["--host-resolver-rules=MAP *.colink.test 127.0.0.1"],
  });
  endAfterTests(() => browser.close());
  return browser;
}

export type Scene = (tab: Tab, page: Page) => Promise<void>;

/**
 * Plays a scene in a tab with its own cookies and storage; by default in English, in the light theme
 * and 1280 pixels wide. Throws on any error in the tab that the scene did not expect.
 */
export async function inTab(browser: Browser, options: TabOptions, scene: Scene): Promise<void> {
  const context = await browser.newContext({
    locale: "en-US",
    colorScheme: "light",
    // What fades in has other contrasts until it is there.
    reducedMotion: "reduce",
    viewport: { width: 1280, height: 800 },
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  context.setDefaultTimeout(WAIT_MS);
  const tab = new Tab(context, await context.newPage(), new URL(options.baseURL).host);
  try {
    await scene(tab, tab.page);
  } finally {
    await context.close();
  }
  const faults = tab.unexpectedFaults();
  if (faults.length > 0) throw new Error(`Went wrong in the tab:\n${faults.join("\n")}`);
}

export class Tab {
  /**
   * Errors logged or thrown in the tab, including violations of its content security policy, and
   * requests to other hosts; oldest first.
   */
  readonly faults: string[] = [];
  /** `METHOD /path` of every request. */
  readonly requests: string[] = [];
  readonly #expected: RegExp[] = [];

  constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly host: string,
  ) {
    this.#watch(page);
  }

  /** A second tab with the same cookies, whose errors are recorded here, too. */
  async another(): Promise<Page> {
    const page = await this.context.newPage();
    this.#watch(page);
    return page;
  }

  /**
   * Waits for an expected fault, and removes it and those like it from the list. More of them may
   * come: a page asks several paths at a time.
   */
  async expectFault(pattern: RegExp): Promise<void> {
    await until(`something goes wrong as ${pattern}`, () => {
      return this.faults.some((fault) => pattern.test(fault));
    });
    this.faults.splice(0, Infinity, ...this.faults.filter((fault) => !pattern.test(fault)));
    this.#expected.push(pattern);
  }

  /** The faults but for those that are like an expected one, and those of the machine. */
  unexpectedFaults(): string[] {
    const known = [...this.#expected, MACHINES_FAULT];
    return this.faults.filter((fault) => !known.some((pattern) => pattern.test(fault)));
  }

  /** Presses Tab until `selector` has the focus. */
  async tabTo(selector: string): Promise<void> {
    for (let presses = 0; presses < MAX_TAB_STOPS; presses++) {
      if (await hasFocus(this.page, selector)) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`Pressed Tab ${MAX_TAB_STOPS} times and never came to ${selector}`);
  }

  /** The text that was copied last. */
  clipboard(): Promise<string> {
    return this.page.evaluate<string>("navigator.clipboard.readText()");
  }

  #watch(page: Page): void {
    page.on("console", (message) => {
      if (message.type() !== "error") return;
      this.faults.push(`${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.faults.push(`thrown: ${error.message}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      this.requests.push(`${request.method()} ${url.pathname}`);
      if (url.host !== this.host) this.faults.push(`asked another host: ${url.href}`);
    });
  }
}

/** The browser breaks off its requests when a network device comes or goes, and the page asks again. */
const MACHINES_FAULT = /net::ERR_NETWORK_CHANGED/;

/** More than any page has. */
const MAX_TAB_STOPS = 50;

export function hasFocus(page: Page, selector: string): Promise<boolean> {
  return page.evaluate<boolean>(
    `document.activeElement?.matches(${JSON.stringify(selector)}) ?? false`,
  );
}

/** Imitates returning to a tab, upon which its page loads its data at once. */
export async function comeBackTo(page: Page): Promise<void> {
  await page.evaluate(`document.dispatchEvent(new Event("visibilitychange"))`);
}

/** The console's playground in a real browser: streamed answers, and hostile ones. */

import { beforeAll, expect, test } from "bun:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { en } from "../../web/i18n/en.ts";
import { zh } from "../../web/i18n/zh.ts";
import { accessibilityFaults, isAsWideAs } from "../harness/accessibility.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { inTab, type Scene, startBrowser, type TabOptions } from "../harness/browser.ts";
import { ending, piece } from "../harness/chunks.ts";
import { button, fill, signInBehindThePage, submit } from "../harness/console.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { joinNode } from "../harness/joined_node.ts";
import { connectScriptedNode } from "../harness/scripted_node.ts";
import { until } from "../harness/wait.ts";
import { xssPayloads } from "../harness/xss_payloads.ts";

const t = en.playground;

let browser: Browser;
let gateway: Gateway;
let owner: Account;
let session: NonNullable<BrowserContextOptions["storageState"]>;

beforeAll(async () => {
  [browser, gateway] = await Promise.all([startBrowser(), startGateway()]);
  owner = await createAccount(gateway);
  await inTab(browser, { baseURL: gateway.url }, async ({ context }) => {
    await signInBehindThePage(context, owner);
    session = await context.storageState();
  });
}, 180_000);

/** In a tab where the owner is signed in. */
function visit(scene: Scene, options: Partial<TabOptions> = {}): () => Promise<void> {
  return () => inTab(browser, { baseURL: gateway.url, storageState: session, ...options }, scene);
}

function join(model: string, maxParallel = 2) {
  return joinNode({ gateway, owner, models: [model], maxParallel });
}

/** Resolves once the model is chosen: before that no question can be sent. */
async function openPlayground(page: Page, model: string): Promise<void> {
  await page.goto(`/playground?model=${model}`);
  const picker = page.locator("main select");
  await until("the model is chosen", async () => await picker.inputValue() === model);
}

async function ask(page: Page, text: string): Promise<void> {
  await page.getByRole("textbox", { name: t.message }).fill(text);
  await page.keyboard.press("Enter");
}

test("over plain HTTP, from another machine, one can sign in and ask", async () => {
  const baseURL = gateway.url.replace("127.0.0.1", "gateway.colink.test");
  await inTab(browser, { baseURL }, async (_tab, page) => {
    const node = await join("plain-model");
    await page.goto(`/login?next=${encodeURIComponent("/playground?model=plain-model")}`);
    await fill(page, { email: owner.email, password: owner.password });
    await submit(page);
    await until(
      "the model is chosen",
      async () => await page.locator("main select").inputValue() === "plain-model",
    );
    await ask(page, "Hello");
    const call = await node.called();
    node.say(call, "Hi there");
    await page.locator("article").getByText("Hi there").waitFor();
    node.raw.send({ type: "STREAM", data: { request_id: call, chunk: ending() } });
    node.finish(call);
  });
});

test(
  "an answer is shown as it streams, with folded reasoning, its node and its speed",
  visit(async (_tab, page) => {
    const node = await join("word-model");
    await openPlayground(page, "word-model");
    await ask(page, "Say **two** words");
    const call = await node.called();
    const answer = page.locator("article");
    await answer.getByText(t.waiting).waitFor();
    const think = { choices: [{ index: 0, delta: { reasoning_content: "They want two." } }] };
    node.raw.send({ type: "STREAM", data: { request_id: call, chunk: think } });
    await answer.getByText(t.thinking).waitFor();
    expect(await answer.getByText("They want two.").isVisible()).toBe(false);
    node.say(call, "Hello ");
    await answer.locator("[data-part=markdown]").getByText("Hello", { exact: true }).waitFor();
    node.say(call, "**world**");
    await answer.locator("strong", { hasText: "world" }).waitFor();
    node.raw.send({ type: "STREAM", data: { request_id: call, chunk: ending() } });
    node.finish(call);

    await answer.getByText(/^first token [\d.]+ s$/).waitFor();
    expect(await answer.getByRole("link").innerText()).toBe(node.nodeId);
    await answer.getByText(t.thought).click();
    await answer.getByText("They want two.").waitFor();
    await button(answer, t.raw).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText('"content": "Say **two** words"').waitFor();
    await dialog.getByText('"reasoning_content":"They want two."').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
  }),
);

test(
  "Stop ends the answer here and on the node, and the text so far stays",
  visit(async (_tab, page) => {
    const { clientToken } = owner;
    const node = await connectScriptedNode({
      wire: 2,
      gateway,
      clientToken,
      models: ["stop-model"],
    });
    await openPlayground(page, "stop-model");
    await ask(page, "Count to a million");
    const { id } = await node.next();
    node.piece(id, "one, two");
    await page.getByText("one, two").waitFor();
    await button(page, t.stop).click();
    await node.cancelOf(id);
    await page.locator("article").getByText(t.stopped).waitFor();
    await page.getByText("one, two").waitFor();
    await button(page, t.send).waitFor();
  }),
);

test(
  "an interrupted answer says so, and can be regenerated",
  visit(async (tab, page) => {
    const node = await join("torn-model");
    await openPlayground(page, "torn-model");
    await ask(page, "Tell me a story");
    const torn = await node.called();
    node.say(torn, "Once upon");
    await page.getByText("Once upon").waitFor();
    node.fail(torn, 401);
    await page.getByRole("alert").getByText(en.errors.upstream_auth).waitFor();
    await page.getByText("Once upon").waitFor();

    // The failure penalizes the node for a while, which the page says in the chosen language.
    await button(page, t.again).click();
    await page.getByRole("alert").getByText(/nodes_penalized/).waitFor();
    await tab.expectFault(/ 503 .*chat\/completions/);
  }),
);

test(
  "two models answer side by side, each from its own conversation and the same settings",
  visit(async (_tab, page) => {
    const [left, right] = await Promise.all([join("left-model"), join("right-model")]);
    await openPlayground(page, "left-model");
    await button(page, t.compare).click();
    await page.getByLabel(t.modelOf(2)).selectOption("right-model");
    await button(page, t.settings).click();
    await page.getByLabel(t.system).fill("Be brief.");
    await page.getByLabel(t.parameters.temperature.label).fill("0.3");
    await ask(page, "Who are you?");
    const payloads = await Promise.all([left, right].map(async (node) => {
      const { data } = await node.raw.next("CALL");
      node.raw.answer(data.request_id, [
        piece(`I am ${node === left ? "left" : "right"}`),
        ending(),
      ]);
      return data.payload;
    }));
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Who are you?" },
    ];
    for (const payload of payloads) expect(payload).toMatchObject({ messages, temperature: 0.3 });
    await page.locator("article").first().getByText("I am left").waitFor();
    await page.locator("article").last().getByText("I am right").waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
  }),
);

test(
  "a picture is sent with the question",
  visit(async (_tab, page) => {
    const node = await join("seeing-model");
    await openPlayground(page, "seeing-model");
    const png =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    const buffer = Buffer.from(png, "base64");
    const files = [{ name: "dot.png", mimeType: "image/png", buffer }];
    await page.locator("input[type=file]").setInputFiles(files);
    await page.getByAltText(t.imageOf(1)).waitFor();
    await ask(page, "What is this?");
    const { data } = await node.raw.next("CALL");
    const { messages } = data.payload as { messages: { content: object[] }[] };
    expect(messages[0]?.content).toMatchObject([
      { type: "text", text: "What is this?" },
      { type: "image_url", image_url: { url: expect.stringMatching(/^data:image\/png;base64,/) } },
    ]);
    node.raw.answer(data.request_id, [piece("A dot."), ending()]);
    await page.getByText("A dot.").waitFor();

    const notOne = [{ name: "a.png", mimeType: "image/png", buffer: Buffer.from("no picture") }];
    await page.locator("input[type=file]").setInputFiles(notOne);
    await page.getByText(t.noPicture).waitFor();
  }),
);

test(
  "a conversation survives a reload, and is stored in this browser only",
  visit(async (tab, page) => {
    const node = await join("kept-model");
    await openPlayground(page, "kept-model");
    await ask(page, "Remember the number 42");
    node.raw.answer(await node.called(), [piece("I shall."), ending()]);
    await page.locator("article footer").waitFor();
    await page.reload();
    await button(page, t.history).click();
    await page.getByRole("dialog").getByText("Remember the number 42").click();
    await page.getByText("I shall.").waitFor();
    const asked = tab.requests.filter((one) => !/ \/(assets|playground|icon)/.test(one));
    expect(asked.filter((one) => one.startsWith("POST"))).toEqual(["POST /v1/chat/completions"]);

    // The history is deleted when another account signs in.
    const other = await createAccount(gateway);
    await signInBehindThePage(tab.context, other);
    await page.goto("/playground");
    await button(page, t.history).click();
    await page.getByText(t.noHistory).waitFor();
  }),
);

test(
  "an answer goes on where the page was reloaded in the middle of it, and was asked for once",
  visit(async (_tab, page) => {
    const node = await join("reloaded-model");
    await openPlayground(page, "reloaded-model");
    await ask(page, "Tell me a story");
    const call = await node.called();
    node.say(call, "Once upon a time");
    await page.locator("article").getByText("Once upon a time").waitFor();
    await page.reload();
    await page.locator("article").getByText("Once upon a time").waitFor();
    node.raw.answer(call, [piece(" there was a reload."), ending()]);
    await page.getByText("Once upon a time there was a reload.").waitFor();
    await page.locator("article footer").waitFor();
    await page.reload();
    await page.getByText(t.beginTitle).waitFor();
  }),
);

test(
  "from the login page to a streamed answer by keyboard alone, in Chinese, on a phone",
  () =>
    inTab(
      browser,
      { baseURL: gateway.url, locale: "zh-CN", viewport: { width: 360, height: 740 } },
      async (tab, page) => {
        const node = await join("a-first-model");
        await page.goto("/login?next=/playground");
        await fill(page, { email: owner.email, password: owner.password });
        await page.keyboard.press("Enter");
        await page.getByText(zh.playground.beginTitle).waitFor();
        await page.locator("main select").selectOption("a-first-model");
        await tab.tabTo("[data-part=samples] button");
        await page.keyboard.press("Enter");
        node.raw.answer(await node.called(), [piece("互斥锁是一把锁。"), ending()]);
        await page.getByText("互斥锁是一把锁。").waitFor();
        await isAsWideAs(page, 360);
        expect(await accessibilityFaults(page)).toEqual([]);
      },
    ),
);

test(
  "none of 200 hostile answers runs code, requests another host, or creates elements of its own",
  visit(async (tab, page) => {
    const payloads = xssPayloads("globalThis.ran=1");
    expect(payloads.length).toBeGreaterThanOrEqual(200);
    await page.goto("/playground");
    await button(page, t.history).waitFor();
    const answer = (text: string) => ({
      model: "m",
      state: "done",
      text,
      reasoning: text,
      figures: {},
      error: null,
    });
    const turns = payloads.map((text, i) => ({ text: `${i}`, images: 0, answers: [answer(text)] }));
    const record = {
      id: "x",
      atMs: 0,
      title: "Hostile",
      system: "",
      parameters: {},
      models: ["m"],
      turns,
    };
    await page.evaluate(
      `localStorage.setItem("colink.playground", ${JSON.stringify(JSON.stringify([record]))})`,
    );
    await page.reload();
    await button(page, t.history).click();
    await page.getByRole("dialog").getByText("Hostile").click();
    await page.locator("article").nth(payloads.length - 1).waitFor();

    for (const link of await page.locator("[data-part=markdown] a").all()) {
      expect(await link.getAttribute("href")).toMatch(/^(https?|mailto):/);
    }
    const foreign = `[...document.querySelectorAll("[data-part=markdown] *")].filter((one) =>
      !/^(DIV|P|H[3-6]|BLOCKQUOTE|FIGURE|FIGCAPTION|PRE|CODE|SPAN|BUTTON|svg|path|HR|UL|OL|LI|TABLE|THEAD|TBODY|TR|TH|TD|STRONG|EM|DEL|BR|A)$/.test(one.tagName) ||
      [...one.attributes].some(({ name }) => /^(on|style|src)/.test(name)))
      .map((one) => one.outerHTML)`;
    expect(await page.evaluate<string[]>(foreign)).toEqual([]);
    expect(await page.evaluate<unknown>("globalThis.ran")).toBeUndefined();
    // The tab would have recorded any error, above all violations of the content security policy.
    expect(tab.unexpectedFaults()).toEqual([]);
  }),
);

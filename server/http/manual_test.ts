import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { buildManual } from "../../scripts/manual/build_manual.ts";
import { securityHeadersOf } from "./assets.ts";
import type { AppEnv } from "./env.ts";
import { Manual } from "./manual.ts";
import { routeManual } from "../app.ts";

const dir = mkdtempSync(join(tmpdir(), "colink-manual-"));
const docs = mkdtempSync(join(tmpdir(), "colink-docs-"));
const secret = "not a page";

beforeAll(async () => {
  writeFileSync(
    join(docs, "api.md"),
    "# API\n\n[简体中文](api.zh.md)\n\nCalls. More.\n\n```sh\ncurl https://gateway.example/v1/models\n```\n\n" +
      "See [errors](errors.md) and [the sources](../server/).\n",
  );
  writeFileSync(join(docs, "api.zh.md"), "# 接口\n\n调用模型，\n一行。见 [errors](errors.md)。\n");
  writeFileSync(
    join(docs, "errors.md"),
    "# Errors\n\nAll.\n\n| code | what |\n| --- | --- |\n| `queue_full` | Full |\n\n`wss://gateway.example/ws`\n",
  );
  await buildManual(docs, dir, {
    script: "assets/m.js",
    boot: "assets/b.js",
    styles: "assets/m.css",
    icon: "i.svg",
  });
  writeFileSync(join(dir, "secret.txt"), secret);
});

afterAll(() => {
  for (const one of [dir, docs]) rmSync(one, { recursive: true });
});

function gateway(config: { publicUrl?: string; basePath?: string } = {}) {
  const app = new Hono<AppEnv>().notFound((c) => c.json({ error: { code: "not_found" } }, 404));
  const { publicUrl = null, basePath = "" } = config;
  routeManual(
    app,
    new Manual({
      dir,
      config: { publicUrl, basePath },
      origin: () => ({ address: "127.0.0.1", isSecure: false }),
      headers: securityHeadersOf(),
    }),
    (_, next) => next(),
  );
  return (path: string, headers: Record<string, string> = {}) =>
    app.request(`http://lab.example:8080${path}`, { headers });
}

const get = gateway();

test("a page shows the gateway's own address in its examples, and the Markdown does", async () => {
  for (const path of ["/docs/en/api", "/docs/en/api.md"]) {
    expect(await (await get(path)).text()).toContain("curl http://lab.example:8080/v1/models");
  }
  const behindProxy = gateway({ publicUrl: "https://lab.example/co", basePath: "/co" });
  const errors = await (await behindProxy("/docs/en/errors")).text();
  expect(errors).toContain("wss://lab.example/co/ws");
  expect(errors).not.toContain("%%");
});

test("each error code is an anchor of its row", async () => {
  const page = await (await get("/docs/en/errors")).text();
  expect(page).toContain(`<tr id="queue_full">`);
});

test("a path without a language leads to the edition that the browser asks for", async () => {
  const chosen = async (language: string, path: string) =>
    (await get(path, { "accept-language": language })).headers.get("location");
  expect(await chosen("zh-CN,zh;q=0.9,en;q=0.8", "/docs/errors")).toBe("/docs/zh/errors");
  expect(await chosen("en;q=0.5,zh-TW", "/docs")).toBe("/docs/zh/");
  expect(await chosen("fr", "/docs/")).toBe("/docs/en/");
  expect(await chosen("fr", "/docs/zh")).toBe("/docs/zh/");
  const below = gateway({ basePath: "/co" });
  expect((await below("/docs/errors")).headers.get("location")).toBe("/co/docs/en/errors");
});

test("links lead to pages in the reader's language, or in the other; to sources there are none", async () => {
  const english = await (await get("/docs/en/api")).text();
  expect(english).toContain(`<a href="errors">errors</a>`);
  expect(english).not.toContain("../server");
  const chinese = await (await get("/docs/zh/api")).text();
  expect(chinese).toContain(`<a href="../en/errors">errors</a>`);
  expect(chinese).toContain("调用模型，一行");
});

test("a page is compressed when it is asked for again, not once for each name of the host", async () => {
  const fresh = gateway();
  const ask = () => fresh("/docs/en/api", { "accept-encoding": "gzip" });
  expect((await ask()).headers.has("content-encoding")).toBe(false);
  expect((await ask()).headers.get("content-encoding")).toBe("gzip");
});

test("pages are compressed, known again by their tag, and guarded as the console is", async () => {
  await get("/docs/en/errors");
  const first = await get("/docs/en/errors", { "accept-encoding": "gzip" });
  expect(first.headers.get("content-encoding")).toBe("gzip");
  expect(first.headers.get("content-security-policy")).toContain("default-src 'self'");
  const etag = first.headers.get("etag") ?? "";
  const again = await get("/docs/en/errors", { "accept-encoding": "gzip", "if-none-match": etag });
  expect(again.status).toBe(304);
});

test("programs find the pages in llms.txt", async () => {
  const answer = await get("/llms.txt");
  expect(answer.headers.get("content-type")).toContain("text/plain");
  expect(await answer.text()).toContain(
    "- [API](http://lab.example:8080/docs/en/api.md): Calls.\n",
  );
});

test("nothing but the manual's files is read", async () => {
  for (
    const path of [
      "/docs/en/secret.txt",
      "/docs/en/..%2fsecret.txt",
      "/docs/en/%2e%2e%2fsecret.txt",
      "/docs/secret.txt",
      "/docs/en/none",
      "/docs/en/api.html.gz",
    ]
  ) {
    const answer = await get(path);
    expect([path, answer.status]).toEqual([path, 404]);
  }
});

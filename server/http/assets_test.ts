import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { Hono } from "hono";
import OpenAI from "openai";
import { assets, type Manifest, securityHeadersOf } from "./assets.ts";
import type { AppEnv } from "./env.ts";

const dir = mkdtempSync(join(tmpdir(), "colink-assets-"));
const script = `console.log(${JSON.stringify("x".repeat(500))});`;
const page = "<!DOCTYPE html><title>Co-Link</title>";
const manifest: Manifest = {
  "/assets/main-AAAAAAAA.js": {
    file: "main.js",
    type: "text/javascript; charset=utf-8",
    etag: "script",
    immutable: true,
    sizes: {
      identity: store("main.js", script),
      br: store("main.js.br", brotliCompressSync(script)),
      gzip: store("main.js.gz", gzipSync(script)),
    },
  },
  "/index.html": {
    file: "index.html",
    type: "text/html; charset=utf-8",
    etag: "page",
    immutable: false,
    sizes: { identity: store("index.html", page) },
  },
};
store("manifest.json", JSON.stringify(manifest));

const app = new Hono<AppEnv>()
  .notFound((c) => c.json({ error: { code: "not_found" } }, 404))
  .get("*", assets(dir));
const overHttp = new Hono<AppEnv>().get(
  "*",
  assets(dir, securityHeadersOf({ isSecure: () => false })),
);
// A real server: what HEAD says of the length is the runtime's doing as much as ours.
const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app.fetch });

afterAll(async () => {
  await server.stop(true);
  rmSync(dir, { recursive: true });
});

function store(file: string, content: string | Uint8Array): number {
  writeFileSync(join(dir, file), content);
  return Buffer.byteLength(content);
}

function get(path: string, headers: Record<string, string> = {}, method = "GET") {
  const plain = { "accept-encoding": "identity", ...headers };
  return fetch(new URL(path, server.url), { method, headers: plain, decompress: false });
}

const main = "/assets/main-AAAAAAAA.js";

test("the best encoding that the browser takes is sent, and decodes to the same bytes", async () => {
  const cases = [
    ["gzip, deflate, br, zstd", "br"],
    ["gzip;q=1, br;q=0.5", "br"],
    ["gzip, br;q=0", "gzip"],
    ["zstd", null],
    ["", null],
  ] as const;
  for (const [accepted, encoding] of cases) {
    const answer = await get(main, { "accept-encoding": accepted });
    expect(answer.headers.get("content-encoding")).toBe(encoding);
    expect(answer.headers.get("vary")).toBe("accept-encoding");
    const bytes = new Uint8Array(await answer.arrayBuffer());
    expect(answer.headers.get("content-length")).toBe(String(bytes.length));
  }
  const decoded = await fetch(new URL(main, server.url), { headers: { "accept-encoding": "br" } });
  expect(await decoded.text()).toBe(script);
});

test("hashed files may be cached for ever, the page is revalidated each time", async () => {
  expect((await get(main)).headers.get("cache-control"))
    .toBe("public, max-age=31536000, immutable");
  expect((await get("/")).headers.get("cache-control")).toBe("no-cache");
});

test("a browser that has the file gets 304, and each encoding has its own tag", async () => {
  const tags = await Promise.all(
    ["identity", "gzip", "br"].map(async (accepted) =>
      (await get(main, { "accept-encoding": accepted })).headers.get("etag") ?? ""
    ),
  );
  expect(new Set(tags).size).toBe(3);
  for (const known of [tags[0], `"other", W/${tags[0]}`, "*"]) {
    const answer = await get(main, { "if-none-match": known ?? "" });
    expect(answer.status).toBe(304);
    expect(await answer.text()).toBe("");
    expect(answer.headers.get("etag")).toBe(tags[0] ?? "");
  }
  expect((await get(main, { "if-none-match": '"other"' })).status).toBe(200);
});

test("HEAD answers with the length that GET would send", async () => {
  for (const accepted of ["identity", "br"]) {
    const head = await get(main, { "accept-encoding": accepted }, "HEAD");
    const whole = await get(main, { "accept-encoding": accepted });
    expect(head.headers.get("content-length")).toBe(whole.headers.get("content-length"));
    expect(await head.text()).toBe("");
  }
});

test("the console's own routes answer with its page", async () => {
  for (const path of ["/", "/dashboard", "/nodes/abc"]) {
    const answer = await get(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await answer.text()).toBe(page);
  }
});

test("a program that looks for the API gets no page, whichever header shows it", async () => {
  const signs: Record<string, string>[] = [
    { accept: "application/json" },
    { authorization: "Bearer sk-colink-x" },
    { "x-api-key": "sk-colink-x" },
    { "api-key": "sk-colink-x" },
  ];
  for (const headers of signs) {
    for (const path of ["/models", "/models/gpt-4", "/responses/resp_1", "/nothing"]) {
      const answer = await get(path, headers);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toEqual({ error: { code: "not_found" } });
    }
    expect((await get("/", headers)).status).toBe(200);
    expect((await get(main, headers)).status).toBe(200);
  }
  const sdk = new OpenAI({ apiKey: "x", baseURL: server.url.href, maxRetries: 0 });
  const error = await sdk.models.list().then(() => null, (error) => error);
  expect(error).toBeInstanceOf(OpenAI.NotFoundError);
});

test("a browser that opens a page gets it, whatever else it accepts", async () => {
  const accept = "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8";
  for (const headers of [{ accept }, { accept: "*/*" }]) {
    expect(await (await get("/models", headers)).text()).toBe(page);
  }
});

test("a file that is not there is a 404, and nothing outside the manifest can be read", async () => {
  const paths = ["/assets/main-BBBBBBBB.js", "/assets/old", "/favicon.ico", "/manifest.json"];
  for (const path of [...paths, "/main.js", "/%2e%2e/%2e%2e/etc/passwd.txt"]) {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({ error: { code: "not_found" } });
  }
});

test("every file comes with the policy that lets the page load from its own gateway only", async () => {
  for (const path of ["/", main]) {
    const { headers } = await get(path);
    const policy = headers.get("content-security-policy") ?? "";
    for (
      const rule of [
        "default-src 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
      ]
    ) expect(policy.split("; ")).toContain(rule);
    expect(policy).not.toContain("unsafe");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("same-origin");
    expect(headers.has("permissions-policy")).toBe(true);
  }
});

test("a console that was not built stops the start, and says which task builds it", () => {
  expect(() => assets(join(dir, "nowhere"))).toThrow("build:web");
});

test("the opener policy is sent where the browser follows it: over HTTPS, and to this machine", async () => {
  const name = "cross-origin-opener-policy";
  const at = async (host: string) =>
    (await overHttp.request("/", { headers: { host } })).headers.get(name);
  for (const host of ["localhost:8080", "127.0.0.1", "[::1]:8080", "app.localhost"]) {
    expect(await at(host)).toBe("same-origin");
  }
  for (const host of ["192.168.1.5:8080", "gateway.lan", "localhost.example"]) {
    expect(await at(host)).toBeNull();
  }
  expect((await get("/")).headers.get(name)).toBe("same-origin");
});

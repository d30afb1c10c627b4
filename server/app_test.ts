/** What every answer carries, whatever its path and its status. Needs no socket, no store and no node. */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { endpoints } from "./http/endpoints.ts";
import type { AppParts } from "./http/parts.ts";
import { createApp } from "./app.ts";
import { silentLog } from "./base/log.ts";

const parts = {
  log: silentLog,
  keyring: {},
  refusals: { count: () => Promise.resolve(true) },
  rates: { take: () => {} },
  hub: { size: 0, models: () => [] },
  metrics: { scrape: () => Promise.resolve({ text: "", contentType: "text/plain" }) },
  cluster: null,
  origin: () => ({ address: "192.0.2.1", isSecure: false }),
  logs: { of: () => silentLog },
  settings: { values: { registration: "open" } },
  setup: { isOpen: () => Promise.resolve(false) },
  providerSignIn: { label: null, isOnly: false },
  config: { publicUrl: null },
  clock: { monotonic: () => 0 },
  console: () => new Response("the console"),
  downloads: { script: () => () => new Response("a script") },
} as unknown as AppParts;

const app = createApp(parts);

function ask(method: string, path: string, headers: Record<string, string> = {}) {
  return app.request(path, { method, headers }, { server: {} });
}

const paths: [method: string, path: string, status: number][] = [
  ["GET", "/livez", 200],
  ["HEAD", "/livez", 200],
  ["GET", "/metrics", 200],
  ["GET", "/%6detrics", 404],
  ["GET", "/cluster", 404],
  ["GET", "/", 200],
  ["POST", "/", 404],
  ["GET", "/v1/models", 401],
  ["POST", "/v1/models", 405],
  ["DELETE", "/v1/models/a/b", 405],
  ["PROPFIND", "/v1/models", 405],
  ["OPTIONS", "/v1/chat/completions", 204],
  ["POST", "/v1/chat/completions", 401],
  ["POST", "/v1/chat/completions?api-version=1", 401],
  ["POST", "/v1/chat/%63ompletions", 401],
  ["POST", "/v1/v1/messages", 401],
  ["POST", "/v1/chat/completions/", 404],
  ["GET", "/v1/chat/completions", 405],
  ["PROPFIND", "/v1/chat/completions", 405],
  ["GET", "/v1/responses", 405],
  ["GET", "/v1/responses/resp_1", 401],
  ["DELETE", "/v1/responses/resp_1", 401],
  ["POST", "/v1/responses/resp_1/cancel", 401],
  ["GET", "/v1/responses/resp_1/input_items", 401],
  ["GET", "/v1", 404],
  ["GET", "/v1/nonsense", 404],
  ["POST", "/v1/nonsense", 404],
  ["GET", "/api/info", 200],
  ["GET", "/api/openapi.json", 200],
  ["POST", "/api/info", 404],
  ["GET", "/api/nonsense", 404],
  ["GET", "/api", 404],
];

test("a call below the base path is taken like one above it", async () => {
  const below = createApp({ ...parts, config: { ...parts.config, basePath: "/ai" } });
  for (const path of ["/ai/v1/chat/completions", "/v1/chat/completions"]) {
    expect((await below.request(path, { method: "POST" }, { server: {} })).status).toBe(401);
  }
});

test("a part of an SDK's API that is not offered is named as such, and a misspelt path is not", async () => {
  const messageOf = async (path: string) =>
    (await (await ask("POST", path)).json() as { error: { message: string } }).error.message;
  for (
    const path of ["/v1/images/generations", "/v1/messages/batches/x/results", ...notOffered()]
  ) {
    expect(await messageOf(path)).toContain("Co-Link does not offer this part of the API");
  }
  expect(await messageOf("/v1/filesystem")).toEndWith("no such path");
});

/** The paths that the manual names as not offered. */
function notOffered(): string[] {
  const manual = readFileSync(join(import.meta.dir, "../docs/api.md"), "utf8");
  const paragraph = /\*\*Not offered:\*\*.*?\n- /s.exec(manual)![0];
  const paths = [...paragraph.matchAll(/`(\/v1\/[^`]+)`/g)].map(([, path]) => path!);
  expect(paths.length).toBeGreaterThan(10);
  return paths;
}

describe("every answer", () => {
  for (const [method, path, status] of paths) {
    test(`of ${method} ${path} (${status}) has the headers of its part of the site`, async () => {
      const answer = await ask(method, path, { origin: "https://elsewhere.example" });
      expect(answer.status).toBe(status);
      expect(answer.headers.get("x-request-id")).toMatch(/^req-[0-9a-f]{32}$/);
      const isOpen = path.startsWith("/v1");
      expect(answer.headers.get("access-control-allow-origin")).toBe(isOpen ? "*" : null);
      expect(answer.headers.get("openai-version")).toBe(isOpen ? "2020-10-01" : null);
      const isPrivate = path.startsWith("/api");
      expect(answer.headers.get("cache-control")).toBe(isPrivate ? "no-store" : null);
      expect(answer.headers.get("x-content-type-options")).toBe(isPrivate ? "nosniff" : null);
    });
  }

  test("has an id of its own", async () => {
    const answers = await Promise.all([ask("GET", "/livez"), ask("GET", "/livez")]);
    const [first, second] = answers.map(({ headers }) => headers.get("x-request-id"));
    expect(first).not.toBe(second!);
  });

  test("says nothing of other sites to a program that is on none", async () => {
    const { headers } = await ask("GET", "/v1/models");
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });
});

test("a call matches its own route alone: no middleware and no other handler costs it time", () => {
  for (const { path } of endpoints) {
    const [handlers] = app.router.match("POST", path);
    expect(handlers).toHaveLength(1);
  }
  expect(app.router.name).toBe("RegExpRouter");
});

test("a browser may send any header to /v1, with the methods that are there", async () => {
  const { headers } = await ask("OPTIONS", "/v1/anything", {
    "access-control-request-headers": "x-one, x-two",
  });
  expect(headers.get("access-control-allow-headers")).toBe("x-one, x-two");
  expect(headers.get("access-control-allow-methods")).toBe("GET, POST, DELETE, OPTIONS");
  expect(headers.get("vary")).toBe("access-control-request-headers");
});

test("a path that is asked with the wrong method names the right one", async () => {
  for (const { path } of endpoints) {
    expect((await ask("GET", path)).headers.get("allow")).toBe("POST");
  }
  for (const path of ["/v1/models", "/v1/models/m"]) {
    expect((await ask("PUT", path)).headers.get("allow")).toBe("GET");
  }
});

test("errors speak the format of the path that was asked, and elsewhere that of the caller's SDK", async () => {
  const anthropic = { type: "error", error: { type: "invalid_request_error" } };
  expect(await (await ask("GET", "/v1/messages")).json()).toMatchObject(anthropic);
  const sdk = { "anthropic-version": "2023-06-01" };
  expect(await (await ask("GET", "/v1/nonsense", sdk)).json())
    .toMatchObject({ type: "error", error: { type: "not_found_error" } });
  expect(await (await ask("GET", "/v1/nonsense")).json())
    .toMatchObject({ error: { code: "not_found" } });
});

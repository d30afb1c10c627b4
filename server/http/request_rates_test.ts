import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createApp } from "../app.ts";
import { Budgets } from "../base/budgets.ts";
import { ColinkError } from "../base/error.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { MemoryLimits } from "../limit/memory.ts";
import { consoleApi } from "./console/api.ts";
import type { Manual } from "./manual.ts";
import type { AppParts } from "./parts.ts";
import { RequestRates } from "./request_rates.ts";
import { TestApp } from "./testing/test_app.ts";

const MINUTE_MS = 60_000;

function rates() {
  const clock = new FakeClock();
  const budgets = new Budgets();
  const limiter = new MemoryLimits(clock);
  const all = new RequestRates({ limiter, clock, budgets });
  const budgetOf = (name: string) => budgets.all.find((one) => one.name === name);
  return { all, budgets, clock, budgetOf };
}

function refusal(take: () => unknown): ColinkError | null {
  try {
    take();
    return null;
  } catch (error) {
    return error as ColinkError;
  }
}

test("an account's rate refuses its own requests alone, names itself, and opens again after a minute", async () => {
  const { all, clock, budgetOf } = rates();
  const report = (who: string) => refusal(() => all.take("usage_reports_per_account", who));
  for (let n = 0; n < 120; n++) expect(report("a")).toBeNull();
  const error = report("a");
  expect(error?.code).toBe("rate_limit_exceeded");
  expect(error?.message).toContain("your account has asked for reports of usage 120 times");
  expect(budgetOf("usage_reports_per_account")).toMatchObject({
    refusals: 1,
    size: { limit: 120 },
  });
  expect(report("b")).toBeNull();
  expect(refusal(() => all.take("usage_exports_per_account", "a"))).toBeNull();
  await clock.pass(MINUTE_MS);
  expect(report("a")).toBeNull();
});

test("addresses of one IPv6 network share its rate", () => {
  const { all } = rates();
  const visit = (address: string) => refusal(() => all.take("visits_per_network", address));
  for (let n = 0; n < 6000; n++) visit(`2001:db8::${n.toString(16)}`);
  expect(visit("2001:db8::ffff")?.message).toContain("your network has");
  expect(visit("2001:db8:0:1::1")).toBeNull();
});

/** Routes that need no rate, each with what it costs in the place of one. */
const withoutRate: Readonly<Record<string, string>> = {
  "GET /livez": "as much as a refusal, and a balancer must always get one",
  "GET /readyz": "as much as a refusal, and a balancer must always get one",
  "OPTIONS /v1/*": "as much as a refusal: no key is looked up",
  "GET /v1/*": "as much as a refusal: no such path",
  "GET /cluster": "as much as a refusal without the gateways' secret",
};

describe("where every rate is used up", () => {
  let at: TestApp;
  let parts: AppParts;
  let headers: Record<string, string>;
  let key = "";

  beforeAll(async () => {
    at = await TestApp.start();
    const admin = await at.account("admin@example.com", "admin");
    key = (await at.key(admin)).token;
    headers = { authorization: `Bearer ${admin.session}`, "client-token": admin.client_token };
    parts = {
      ...at.parts,
      console: () => new Response("the console"),
      manual: { llms: () => new Response(""), page: () => new Response("") } as unknown as Manual,
      limiter: {
        ...at.parts.limiter,
        take: (_, limit) => ({
          allowed: false,
          limit,
          remaining: 0,
          resetMs: 1000,
          retryAfterMs: 1000,
        }),
      },
      rates: {
        take: () => {
          throw new ColinkError("rate_limit_exceeded", "Cannot answer now");
        },
      } as unknown as RequestRates,
    };
  });
  afterAll(() => at.stop());

  test("no route answers but those that cost no more than a refusal", async () => {
    const app = createApp(parts);
    const routes = [
      ...app.routes.map(({ method, path }) => ({ method, path })),
      ...consoleApi(parts).routes.map(({ method, path }) => ({ method, path: `/api${path}` })),
    ];
    const unlimited = new Set<string>();
    for (const { method, path } of routes.filter(({ method }) => method !== "ALL")) {
      const isCall = path.startsWith("/v1");
      const url = path.replace(/:\w+|\*/g, "x");
      const { status } = await app.request(`http://localhost${url}`, {
        method,
        headers: isCall ? { ...headers, authorization: `Bearer ${key}` } : headers,
        ...(["GET", "OPTIONS"].includes(method) ? {} : { body: "{}" }),
      }, { server: { requestIP: () => ({ address: "192.0.2.1" }), timeout: () => {} } });
      if (status !== 429) unlimited.add(`${method} ${path}`);
    }
    expect(routes.length).toBeGreaterThan(100);
    expect([...unlimited].sort()).toEqual(Object.keys(withoutRate).sort());
  });
});

test("docs/configuration.md has a row for each rate, in both languages", () => {
  const { budgets } = rates();
  for (const page of ["configuration.md", "configuration.zh.md"]) {
    const docs = readFileSync(join(import.meta.dir, "../../docs", page), "utf8");
    const documented = [
      ...docs.matchAll(/^\|.*[(（]`(\w+_per_(?:account|network))`[)）] *\|(.*)$/gm),
    ]
      .map((
        [, name, rest = ""],
      ) => [name, Number(/([\d,]+) (?:a minute|次|个)/.exec(rest)?.[1]?.replace(",", ""))]);
    expect(documented.sort()).toEqual(
      budgets.all.map(({ name, size }) => [name, size.limit]).sort(),
    );
  }
});

/** Who may open a socket: nodes at /ws, other gateways at /cluster. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { SUBPROTOCOL_V2 } from "../../protocol/mod.ts";
import { ColinkError } from "../base/error.ts";
import { silentLog } from "../base/log.ts";
import type { AppContext, AppEnv } from "./env.ts";
import type { AppParts } from "./parts.ts";
import { peerUpgrade } from "./peer_upgrade.ts";
import { refuse } from "./reply.ts";
import { type TestAccount, TestApp } from "./testing/test_app.ts";
import { upgrade } from "./upgrade.ts";

let app: TestApp;
let owner: TestAccount;
/** What sockets were opened with. */
const opened: { data: unknown; headers?: Headers }[] = [];

beforeAll(async () => {
  app = await TestApp.start();
  owner = await app.account("owner@example.org");
});
afterAll(() => app.stop());
beforeEach(async () => {
  opened.length = 0;
  app.isDraining = false;
  // The refused tokens of other tests are forgotten.
  await app.clock.pass(60_000);
});

async function dial(
  handler: (c: AppContext) => Response | Promise<Response>,
  headers: Record<string, string>,
  address = "192.0.2.1",
) {
  const hono = new Hono<AppEnv>();
  hono.onError((error, c) => refuse(error, c, silentLog, null));
  const server = {
    requestIP: () => ({ address }),
    upgrade: (_: Request, options: typeof opened[number]) => opened.push(options) > 0,
  };
  const answer = await hono.get("/", handler).request("/", { headers }, {
    server: server as never,
  });
  const { error } = await answer.json().catch(() => ({})) as { error?: { code: string } };
  return { code: error?.code ?? null, headers: answer.headers };
}

describe("a node", () => {
  const connect = (headers: Record<string, string>) => dial(upgrade(app.parts), headers);

  test("connects with its client token, by v1 unless it asks for v2", async () => {
    const token = { "client-token": owner.client_token };
    await connect(token);
    const v2 = `other, ${SUBPROTOCOL_V2}`;
    await connect({ ...token, "sec-websocket-protocol": v2 });
    await connect({ ...token, "sec-websocket-protocol": "other" });
    const dialer = {
      accountId: owner.id,
      keyId: expect.any(String),
      keyFamily: expect.any(String),
      address: "192.0.2.1",
    };
    expect(opened.map(({ data }) => data)).toEqual([1, 2, 1].map((wire) => ({
      dialer: { ...dialer, wire },
      link: null,
    })));
    expect(opened.map(({ headers }) => headers?.get("sec-websocket-protocol") ?? null))
      .toEqual([null, SUBPROTOCOL_V2, null]);
  });

  test("is refused from a browser, and while the gateway drains", async () => {
    const token = { "client-token": owner.client_token };
    expect((await connect({ ...token, origin: "https://x.example" })).code).toBe("origin_refused");
    app.isDraining = true;
    const draining = await connect(token);
    expect(draining.code).toBe("shutting_down");
    expect(draining.headers.get("retry-after-ms")).toBe("2000");
    expect(opened).toEqual([]);
  });

  test("while the gateway drains is taken where it could go on with a session in wire v2, and its token is right", async () => {
    app.isDraining = true;
    const asked: unknown[] = [];
    const mayResume = (dialer: unknown) => asked.push(dialer) > 0;
    const { parts } = app;
    const headers = { "client-token": owner.client_token };
    const v2 = { ...headers, "sec-websocket-protocol": SUBPROTOCOL_V2 };
    expect((await dial(upgrade({ ...parts, mayResume }), headers)).code).toBe("shutting_down");
    expect(
      (await dial(upgrade({ ...parts, mayResume }), { ...v2, "client-token": "client-none" })).code,
    )
      .toMatch(/token/);
    expect(asked).toEqual([]);
    expect((await dial(upgrade({ ...parts, mayResume }), v2)).code).toBeNull();
    expect(asked).toMatchObject([{ accountId: owner.id }]);
    expect(opened).toHaveLength(1);
  });

  test("without a valid token is refused, and throttled after sixty times in a minute", async () => {
    for (const token of ["", owner.api_token, "client-none"]) {
      expect((await connect({ "client-token": token })).code).toMatch(/token/);
    }
    for (let i = 3; i < 60; i++) await connect({});
    const throttled = await connect({});
    expect(throttled.code).toBe("login_throttled");
    expect(Number(throttled.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await connect({ "client-token": owner.client_token })).code).toBeNull();
    expect(opened).toHaveLength(1);
  });

  test("with refused tokens is throttled by its /64, however many of its addresses it dials from", async () => {
    const from = (address: string) => dial(upgrade(app.parts), {}, address);
    for (let i = 0; i < 60; i++) await from(`2001:db8:1:1::${i.toString(16)}`);
    expect((await from("2001:db8:1:1:ffff::1")).code).toBe("login_throttled");
    expect((await from("2001:db8:1:2::1")).code).toMatch(/token/);
  });

  test("is not throttled for failures that are not its own", async () => {
    const keyring = {
      authenticate: () => Promise.reject(new ColinkError("store_unavailable", "away")),
    };
    const parts = { ...app.parts, keyring } as unknown as AppParts;
    for (let i = 0; i < 61; i++) {
      expect((await dial(upgrade(parts), {})).code).toBe("store_unavailable");
    }
  });
});

describe("another gateway", () => {
  const data = { peer: "p" };
  const connect = (proof: string, cluster: unknown) =>
    dial(peerUpgrade({ cluster } as AppParts), { "colink-gateway": proof });

  test("is let in by its proof, and finds no such path without it", async () => {
    const cluster = {
      admit: (headers: Headers) => headers.get("colink-gateway") === "proof" ? data : null,
    };
    expect((await connect("wrong", cluster)).code).toBe("not_found");
    expect((await connect("proof", null)).code).toBe("not_found");
    expect(opened).toEqual([]);
    expect((await connect("proof", cluster)).code).toBeNull();
    expect(opened).toEqual([{ data }] as never);
  });
});

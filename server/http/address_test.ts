/** The origin of requests: forwarded addresses are trusted from the right, as far as the operator's proxies added them. */

import { expect, test } from "bun:test";
import { Hono } from "hono";
import { originReader } from "./address.ts";
import type { AppEnv } from "./env.ts";

async function originOf(peer: string, headers: Record<string, string>, trusted: string[]) {
  const origin = originReader(trusted);
  const app = new Hono<AppEnv>().get("/", (c) => c.json(origin(c)));
  const server = { requestIP: () => ({ address: peer }) };
  const answer = await app.request("/", { headers }, { server });
  return await answer.json() as { address: string; isSecure: boolean };
}

const PROXIES = ["10.0.0.0/8", "fd00::/8", "192.0.2.1"];

const cases: [what: string, peer: string, forwarded: string | null, address: string][] = [
  ["a caller's own connection", "203.0.113.1", null, "203.0.113.1"],
  ["a caller who invents an address", "203.0.113.1", "198.51.100.1", "203.0.113.1"],
  ["a proxy's own request", "10.0.0.1", null, "10.0.0.1"],
  ["a proxy's caller", "10.0.0.1", "203.0.113.1", "203.0.113.1"],
  ["a proxy's caller who invents an address", "10.0.0.1", "127.0.0.1, 203.0.113.1", "203.0.113.1"],
  [
    "the caller of a chain of proxies",
    "10.0.0.1",
    "203.0.113.1,192.0.2.1, 10.9.9.9",
    "203.0.113.1",
  ],
  ["a caller behind a proxy of its own", "10.0.0.1", "10.5.5.5, 203.0.113.1", "203.0.113.1"],
  ["a chain of nothing but proxies", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.1"],
  ["a caller by IPv6", "fd00::1", "2001:db8::1", "2001:db8::1"],
  ["a proxy that listens on IPv6", "::ffff:10.0.0.1", "::ffff:203.0.113.1", "203.0.113.1"],
  ["a proxy that appends ports", "10.0.0.1", "203.0.113.1:40001", "203.0.113.1"],
  ["a proxy that sends IPv6 and ports", "10.0.0.1", "[2001:db8::1]:40001", "2001:db8::1"],
  ["a proxy behind one that appends ports", "10.0.0.1", "203.0.113.1, 192.0.2.1:7", "203.0.113.1"],
  ["a proxy that names no address", "10.0.0.1", ", ,", "10.0.0.1"],
];
for (const [what, peer, forwarded, address] of cases) {
  test(`${what} is known by ${address}`, async () => {
    const headers: Record<string, string> = forwarded === null
      ? {}
      : { "x-forwarded-for": forwarded };
    expect((await originOf(peer, headers, PROXIES)).address).toBe(address);
  });
}

test("without trusted proxies, forwarded addresses are ignored", async () => {
  const headers = { "x-forwarded-for": "198.51.100.1", "x-forwarded-proto": "https" };
  expect(await originOf("10.0.0.1", headers, [])).toEqual({ address: "10.0.0.1", isSecure: false });
});

test("a proxy nearby that is not trusted is reported once, and no one from elsewhere", async () => {
  const reported: string[] = [];
  const origin = originReader(["10.0.0.1"], (address) => reported.push(address));
  const app = new Hono<AppEnv>().get("/", (c) => c.json(origin(c)));
  const ask = (address: string, headers: Record<string, string>) =>
    app.request("/", { headers }, { server: { requestIP: () => ({ address }) } });
  const forwarded = { "x-forwarded-for": "198.51.100.1" };
  await ask("10.0.0.1", forwarded);
  await ask("203.0.113.1", forwarded);
  await ask("2001:db8::1", forwarded);
  await ask("172.18.0.2", {});
  expect(reported).toEqual([]);
  await ask("::ffff:172.18.0.2", forwarded);
  await ask("fd00::1", forwarded);
  expect(reported).toEqual(["172.18.0.2"]);
});

test("a connection is encrypted when a trusted proxy says so", async () => {
  const headers = { "x-forwarded-proto": "https" };
  expect((await originOf("10.0.0.1", headers, PROXIES)).isSecure).toBe(true);
  for (
    const [scheme, isSecure] of [["https,http", true], ["HTTPS, http", true], [
      "http,https",
      false,
    ]] as const
  ) {
    const origin = await originOf("10.0.0.1", { "x-forwarded-proto": scheme }, PROXIES);
    expect([scheme, origin.isSecure]).toEqual([scheme, isSecure]);
  }
  expect((await originOf("10.0.0.1", {}, PROXIES)).isSecure).toBe(false);
  expect((await originOf("203.0.113.1", headers, PROXIES)).isSecure).toBe(false);
});

test("a caller who hangs up is known by the address that the request came from", async () => {
  const origin = originReader([]);
  let isConnected = true;
  const server = { requestIP: () => isConnected ? { address: "203.0.113.1" } : null };
  const app = new Hono<AppEnv>().get("/", (c) => {
    origin(c);
    isConnected = false;
    return c.json(origin(c));
  });
  expect(await (await app.request("/", {}, { server })).json())
    .toMatchObject({ address: "203.0.113.1" });
});

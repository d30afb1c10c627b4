import { expect, test } from "bun:test";
import { closeError, dialError } from "./link_error.ts";

// Word for word what Bun 1.4.5 and Deno 2.9.6 say, the addresses shortened.
const dials: [string, object, string][] = [
  ["a refused token", { message: "failed: Expected 101 status code: 401" }, "node token (401)"],
  ["a refused token, on Deno", { message: "Invalid status code: 401" }, "node token (401)"],
  ["a wrong path", { message: "failed: Expected 101 status code: 404" }, "usually ends with /ws"],
  ["a console's path", { message: "failed: Expected 101 status code: 200" }, "ends with /ws"],
  ["no gateway", { message: "Failed to connect", error: { code: "ECONNREFUSED" } }, "refused"],
  ["no gateway, on Deno", { message: "tcp connect error" }, "connection refused"],
  ["an unknown name", { message: "Failed to connect", error: { code: "ENOTFOUND" } }, "name"],
  ["wss to a plain port", { message: "TLS handshake failed: WRONG_VERSION_NUMBER" }, "try ws://"],
  ["a self-signed certificate", { message: "TLS: self signed certificate" }, "self-signed"],
  ["ws to a TLS port", { message: "Connection ended", error: { code: "ECONNRESET" } }, "wss://"],
  ["a redirect to https", { message: "failed: Expected 101 status code: 301" }, "write wss://"],
  [
    "a proxy without upgrades",
    { message: "failed: Expected 101 status code: 426" },
    "pass Upgrade on",
  ],
  ["ws to a TLS port of nginx", { message: "failed: Expected 101 status code: 400" }, "use wss://"],
  [
    "a proxy that wants a password",
    { message: "failed: Proxy authentication required: 407 Proxy Authentication Required" },
    "http://user:password@proxy",
  ],
  ["an unknown error", {}, "cannot be reached"],
];

for (const [name, error, words] of dials) {
  test(`${name} is explained in one line`, () => {
    const { reason, needsOwner } = dialError(error);
    expect(needsOwner).toBe(false);
    expect(reason).toStartWith("cannot connect: ");
    expect(reason).toContain(words);
    expect(reason).not.toContain("\n");
  });
}

test("a revoked token needs the owner, a restart does not", () => {
  expect(closeError(4001, "").needsOwner).toBe(true);
  expect(closeError(1012, "").needsOwner).toBe(false);
});

test("a gateway's words cannot move the owner's cursor", () => {
  expect(closeError(4002, "a\u001b[2Jb\nc").reason).toEndWith("(a [2Jb c)");
});

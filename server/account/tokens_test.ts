/** Tokens: their shape, their digest, their sealed copy. */

import { expect, spyOn, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import { isWellFormed, newToken, randomChars, tokenKind, TokenVault } from "./tokens.ts";

const vault = new TokenVault("a secret of at least thirty-two bytes");

test("a token has over 150 random bits before its checksum, which its other characters decide", () => {
  const token = newToken("api").slice("sk-colink-".length);
  const [random, checksum] = [token.slice(0, -4), token.slice(-4)];
  expect(random.length * Math.log2(62)).toBeGreaterThan(150);
  expect(isWellFormed(`sk-colink-${random}${checksum}`)).toBe(true);
  for (const other of ["0000", "zzzz", checksum.split("").reverse().join("")]) {
    if (other !== checksum) expect(isWellFormed(`sk-colink-${random}${other}`)).toBe(false);
  }
});

test("a new token has its prefix, at least 128 random bits, and is never the same again", () => {
  expect(newToken("api")).toMatch(/^sk-colink-[0-9A-Za-z]{30}$/);
  expect(newToken("node")).toMatch(/^client-[0-9A-Za-z]{30}$/);
  const many = new Set(Array.from({ length: 1000 }, () => newToken("api")));
  expect(many.size).toBe(1000);
});

test("all 62 characters are about equally frequent", () => {
  const seen = new Map<string, number>();
  for (let i = 0; i < 2000; i++) {
    for (const char of newToken("node").slice(7, 33)) seen.set(char, (seen.get(char) ?? 0) + 1);
  }
  expect(seen.size).toBe(62);
  expect(Math.min(...seen.values())).toBeGreaterThan(600);
  expect(Math.max(...seen.values())).toBeLessThan(1100);
});

test("bytes that would favour some characters are replaced, until the text is as long as asked", () => {
  const bytes = [[248, 61, 255, 1], [247, 2, 3, 4]];
  const scripted = (array: Uint8Array) => {
    array.set(bytes.shift()!);
    return array;
  };
  const random = spyOn(crypto, "getRandomValues")
    .mockImplementation(scripted as typeof crypto.getRandomValues);
  try {
    expect(randomChars(4)).toBe("z1z2");
  } finally {
    random.mockRestore();
  }
});

test("a token's prefix gives its kind, and other text has none", () => {
  expect(tokenKind(newToken("api"))).toBe("api");
  expect(tokenKind(newToken("node"))).toBe("node");
  for (const other of ["", "sk-proj-abc", "clientx", "SK-COLINK-x"]) {
    expect(tokenKind(other)).toBeNull();
  }
});

test("a token with a character changed, added or missing is not well formed", () => {
  const token = newToken("api");
  expect(isWellFormed(token)).toBe(true);
  const other = (char: string) => char === "x" ? "y" : "x";
  const typos = Array.from({ length: 30 }, (_, i) => {
    const at = 10 + i;
    return token.slice(0, at) + other(token.charAt(at)) + token.slice(at + 1);
  });
  // Four characters of checksum let one of some millions through, so all thirty never pass.
  expect(typos.filter(isWellFormed)).toEqual([]);
  expect(isWellFormed(token + "x")).toBe(false);
  expect(isWellFormed(token.slice(0, -1))).toBe(false);
  expect(isWellFormed(`client-${token.slice(10)}`)).toBe(false);
});

test("the checks accept no arbitrary text and never throw", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    expect(isWellFormed(text) || isWellFormed(`sk-colink-${text}`)).toBe(false);
  }));
});

test("a digest is the same for a token, another under another secret, and not the token", () => {
  const token = newToken("api");
  expect(vault.digest(token)).toMatch(/^[0-9a-f]{64}$/);
  expect(vault.digest(token)).toBe(vault.digest(token));
  expect(new TokenVault("another secret of thirty-two bytes").digest(token))
    .not.toBe(vault.digest(token));
});

test("a sealed token opens under the same secret only, and only unaltered", () => {
  const token = newToken("node");
  const sealed = vault.seal(token);
  expect(sealed).not.toContain(token);
  expect(vault.seal(token)).not.toBe(sealed);
  expect(vault.open(sealed)).toBe(token);
  expect(() => new TokenVault("another secret of thirty-two bytes").open(sealed)).toThrow();
  const bytes = Buffer.from(sealed, "base64url");
  for (let i = 0; i < bytes.length; i++) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(bytes.readUInt8(i) ^ 1, i);
    expect(() => vault.open(changed.toString("base64url"))).toThrow();
  }
  expect(() => vault.open(bytes.subarray(0, 20).toString("base64url"))).toThrow();
  expect(() => vault.open("")).toThrow();
});

test("a public node id is stable and reveals nothing of the node key", () => {
  expect(vault.publicNodeId("client-secret:studio")).toBe(
    vault.publicNodeId("client-secret:studio"),
  );
  expect(vault.publicNodeId("a")).not.toBe(vault.publicNodeId("b"));
  expect(vault.publicNodeId("client-secret:studio")).toMatch(/^node-[0-9a-f]{24}$/);
});

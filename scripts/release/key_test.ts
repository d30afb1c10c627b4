/** The key that a release is signed with: named, or made for development, and never in the repository. */

import { afterAll, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signingKey, trustedKeys } from "./key.ts";

const folder = mkdtempSync(join(tmpdir(), "release-key-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("without a key one is made for development, readable by its owner only, and found again", () => {
  const env = { XDG_CONFIG_HOME: join(folder, "config") };
  expect(trustedKeys(env)).toEqual([]);
  const made = signingKey(env);
  expect(made).toMatchObject({ isDevelopment: true, isNew: true });
  expect(statSync(made.path).mode & 0o777).toBe(0o600);
  expect(signingKey(env)).toMatchObject({ isNew: false, publicKey: made.publicKey });
  expect(trustedKeys(env)).toEqual([made.publicKey]);
});

test("a named key is used as it is, and none is made in its place", () => {
  const path = join(folder, "own.pem");
  expect(() => signingKey({ COLINK_RELEASE_KEY: path })).toThrow(/openssl genpkey/);
  expect(existsSync(path)).toBe(false);
  const { privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(path, privateKey.export({ format: "pem", type: "pkcs8" }));
  expect(signingKey({ COLINK_RELEASE_KEY: path })).toMatchObject({ isDevelopment: false, path });
});

test("the next key may be trusted beside this one, and a text that is no key is refused", () => {
  const next = Buffer.alloc(32, 3).toString("base64");
  const env = { XDG_CONFIG_HOME: join(folder, "other"), COLINK_RELEASE_TRUSTED: ` ${next},` };
  expect(trustedKeys(env)).toEqual([next]);
  expect(() => trustedKeys({ ...env, COLINK_RELEASE_TRUSTED: "AAAA" })).toThrow(/32 bytes/);
});

test("a key of another type is refused", () => {
  const path = join(folder, "rsa.pem");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(path, privateKey.export({ format: "pem", type: "pkcs8" }));
  expect(() => trustedKeys({ COLINK_RELEASE_KEY: path })).toThrow(/not of type Ed25519/);
});

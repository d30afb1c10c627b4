import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isKept, keptSecret } from "./kept_secret.ts";

let folder: string;

beforeEach(() => folder = mkdtempSync(join(tmpdir(), "colink-secret-")));
afterEach(() => rmSync(folder, { recursive: true }));

test("a data folder's secret is made once, and is that folder's alone", () => {
  expect(isKept(folder, "")).toBe(false);
  const secret = keptSecret(folder);
  expect(keptSecret(folder)).toBe(secret);
  expect(isKept(folder, secret)).toBe(true);
  expect(isKept(folder, `${secret}x`)).toBe(false);
});

test("a secret of less than 32 bytes is damaged, and is not replaced", () => {
  writeFileSync(join(folder, "secret"), "x".repeat(31));
  expect(() => keptSecret(folder)).toThrow("damaged");
  writeFileSync(join(folder, "secret"), `${"x".repeat(32)}\n`);
  expect(keptSecret(folder)).toBe("x".repeat(32));
});

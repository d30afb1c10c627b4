/** Settings are read strictly: what is accepted, what is refused, and that no refusal repeats a secret. */

import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, readConfig } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "co-link-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

const secret = "0123456789abcdef".repeat(2);

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig({ JWT_SECRET: secret, COLINK_DATA_DIR: folder, ...env });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const rows: [setting: string, good: string[], bad: string[]][] = [
  ["PORT", ["0", "65535"], ["-1", "65536", "80.5", "0x50", "http"]],
  ["JWT_SECRET", ["ü".repeat(16) + "-"], [
    "0123456789abcdef0123456789abcde",
    "a".repeat(64),
    "changeme".repeat(4),
    "your-jwt-secret-goes-here-12345678",
    "your_secret_your_other_half_123456",
  ]],
  ["DATABASE_URL", [
    "postgres://colink:p%40ss@db/colink",
    "postgresql://colink@127.0.0.1:5432/colink?sslmode=disable",
    "postgres://colink:a,b@one:5432,two:5433/colink",
  ], [
    "mysql://colink:canary@db/colink",
    "postgres:colink",
    "postgres://colink:canary@db:notaport/colink",
    "postgres://colink:canary%zz@db/colink",
    "postgres://colink:canary@/colink",
  ]],
  ["REDIS_URL", ["redis://:p%40ss@db:6379/1", "rediss://db"], [
    "http://db",
    "redis://:canary@db:notaport",
  ]],
  ["COLINK_PUBLIC_URL", ["https://co-link.example"], ["co-link.example", "https://"]],
  ["COLINK_TRUSTED_PROXIES", ["10.0.0.0/8, fd00::/8,127.0.0.1", "0.0.0.0/0", "::1"], [
    "10.0.0.0/33",
    "fe80::/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0",
    "::/x",
    "10.0.0.0/8, the-proxy",
  ]],
  ["COLINK_POLICY", ["least-busy", "fastest", "affinity"], ["random", "Affinity"]],
  ["COLINK_POLICIES", ["m=affinity", "a/b:7b=fastest, x=y=least-busy,", "ü=affinity"], [
    "m",
    "=affinity",
    "m=quickest",
    "m=affinity,n",
    "m=affinity,m=fastest",
  ]],
  ["COLINK_REGISTRATION", ["open", "invite", "closed"], ["Open", "none"]],
];

for (const [setting, good, bad] of rows) {
  test(`${setting} takes what it is for, and refuses by name what it is not for`, () => {
    for (const value of good) expect(problemsOf({ [setting]: value })).toEqual([]);
    for (const value of bad) {
      const problems = problemsOf({ [setting]: value });
      expect(problems).toEqual([expect.stringMatching(new RegExp(`^${setting}[=:]`))]);
      expect(problems.join()).not.toContain("canary");
      if (setting === "JWT_SECRET") expect(problems.join()).not.toContain(value);
    }
  });
}

test("a setting that does not exist is refused, unless it is another part's", () => {
  expect(problemsOf({ COLINK_DEFAUL_RPM: "1" })).toHaveLength(1);
  expect(problemsOf({ COLINK_TEST_SOURCE: "1", COLINK_CLIENT_LOG_LEVEL: "debug" })).toEqual([]);
});

test("an empty setting is one that was not set", () => {
  expect(readConfig({ JWT_SECRET: secret, PORT: " ", DATABASE_URL: "" })).toMatchObject({
    port: 8080,
    databaseUrl: null,
  });
});

test("policies are read by model; an equals sign may be part of a model's name", () => {
  const { policies } = readConfig({
    JWT_SECRET: secret,
    COLINK_POLICIES: "llama3.2 = affinity, x=y=fastest",
  });
  expect([...policies]).toEqual([["llama3.2", "affinity"], ["x=y", "fastest"]]);
});

test("a secret that was not set is made once, whole, and for its owner's eyes only", () => {
  const dataDir = join(folder, "new", "folder");
  const first = readConfig({ COLINK_DATA_DIR: dataDir }).jwtSecret;
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(readConfig({ COLINK_DATA_DIR: dataDir }).jwtSecret).toBe(first);
  expect(readdirSync(dataDir)).toEqual(["secret"]);
  expect(statSync(join(dataDir, "secret")).mode & 0o777).toBe(0o600);
});

test("with PostgreSQL no secret is made: every gateway would make its own", () => {
  const dataDir = join(folder, "postgres");
  const env = { DATABASE_URL: "postgres://db/colink", JWT_SECRET: "", COLINK_DATA_DIR: dataDir };
  expect(problemsOf(env)).toEqual([expect.stringMatching(/^JWT_SECRET: required/)]);
  expect(existsSync(dataDir)).toBe(false);
});

test("a kept secret that was cut short is refused, not signed with", () => {
  const dataDir = mkdtempSync(join(folder, "damaged-"));
  writeFileSync(join(dataDir, "secret"), "0123456789abcdef\n");
  const problems = problemsOf({ JWT_SECRET: "", COLINK_DATA_DIR: dataDir });
  expect(problems).toEqual([expect.stringMatching(/its file "secret" is damaged/)]);
  expect(problems.join()).not.toContain("0123456789abcdef");
});

test("a data folder that cannot be one is refused by name", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  expect(problemsOf({ JWT_SECRET: "", COLINK_DATA_DIR: file })).toEqual([
    `COLINK_DATA_DIR="${file}": expected a folder that can be written and read (EEXIST)`,
  ]);
});

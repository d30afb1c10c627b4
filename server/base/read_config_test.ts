/** Settings: which texts are accepted, which are refused, and that no refusal repeats a secret. */

import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { policyNames } from "./config.ts";
import { ConfigError, readConfig } from "./read_config.ts";

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
    "postgresql://u:p@ep-x-pooler.eu.neon.tech/db?sslmode=require&channel_binding=require",
    "postgres:///colink?host=/var/run/postgresql&gssencmode=disable&connect_timeout=10",
    "postgres://u@%2Fvar%2Frun%2Fpostgresql/colink",
    "postgres://u:p@[::1]:5432/db?search_path=co_link&pgbouncer=true",
    `postgres://u:p@db/colink?sslmode=verify-ca&sslrootcert=${import.meta.path}`,
  ], [
    "mysql://colink:canary@db/colink",
    "postgres:colink",
    "postgres://colink:canary@db:notaport/colink",
    "postgres://colink:canary%zz@db/colink",
    "postgres://colink:ca/nary@db/colink",
    "postgres://colink:canary#@db/colink",
    "postgres://colink:canary@db:1,,two/colink",
    "postgres://colink:canary@db/colink?sslmode=on",
    "postgres://colink:canary@db/colink?gssencmode=require",
    "postgres://colink:canary@db/colink?sslrootcert=/no/such/canary",
    "postgres://colink:canary@db/colink?sslcrl=canary",
  ]],
  ["REDIS_URL", [
    "redis://:p%40ss@db:6379/1",
    "redis://:a:b@db",
    "rediss://db",
    "rediss-sentinel://u:p@one,two:26380/main?sentinel_password=s",
    "redis-cluster://[::1]:7000,two",
  ], [
    "http://db",
    "redis://:canary@db:notaport",
    "redis://:canary@db/canary",
    "redis-sentinel://:canary@one,two",
    "redis://:canary@db?password=canary",
  ]],
  ["COLINK_PUBLIC_URL", ["https://co-link.example"], ["co-link.example", "https://"]],
  ["COLINK_BASE_PATH", ["/", "/co-link", "/a/b-c/"], [
    "co-link",
    "//a",
    "/a b",
    "/a/../b",
    '/"><x',
  ]],
  ["COLINK_DOMAIN", [
    "co-link.example.com",
    "A.example.com, b.example.com",
    "xn--bcher-kva.example",
  ], [
    "https://co-link.example.com",
    "co-link.example.com:443",
    "localhost",
    "192.0.2.1",
    "*.example.com",
    "-a.example.com",
  ]],
  ["COLINK_ACME_DIRECTORY", ["https://ca.example/dir"], ["http://ca.example/dir", "ca.example"]],
  ["COLINK_DOWNLOADS_DIR", ["/srv/downloads", "~/downloads"], []],
  ["COLINK_TRUSTED_PROXIES", ["10.0.0.0/8, fd00::/8,127.0.0.1", "0.0.0.0/0", "::1"], [
    "10.0.0.0/33",
    "fe80::/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0",
    "::/x",
    "10.0.0.0/8, the-proxy",
  ]],
  ["COLINK_POLICY", [...policyNames], ["random", "Affinity"]],
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
  test(`${setting} accepts its own values, and refuses others by its name`, () => {
    for (const value of good) expect(problemsOf({ [setting]: value })).toEqual([]);
    for (const value of bad) {
      const problems = problemsOf({ [setting]: value });
      expect(problems).toEqual([expect.stringMatching(new RegExp(`^${setting}[=:]`))]);
      expect(problems.join()).not.toContain("canary");
      if (setting === "JWT_SECRET") expect(problems.join()).not.toContain(value);
    }
  });
}

test("an unknown setting is refused, unless another part of the product reads it", () => {
  expect(problemsOf({ COLINK_DEFAUL_RPM: "1" })).toHaveLength(1);
  expect(problemsOf({ COLINK_TEST_SOURCE: "1", COLINK_CLIENT_LOG_LEVEL: "debug" })).toEqual([]);
});

test("an empty setting counts as unset", () => {
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

test("an unset secret is created once, complete, and readable by its owner only", () => {
  const dataDir = join(folder, "new", "folder");
  const first = readConfig({ COLINK_DATA_DIR: dataDir }).jwtSecret;
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(readConfig({ COLINK_DATA_DIR: dataDir }).jwtSecret).toBe(first);
  expect(readdirSync(dataDir)).toEqual(["secret"]);
  expect(statSync(join(dataDir, "secret")).mode & 0o777).toBe(0o600);
});

test("with PostgreSQL no secret is created: every gateway would create another", () => {
  const dataDir = join(folder, "postgres");
  const env = { DATABASE_URL: "postgres://db/colink", JWT_SECRET: "", COLINK_DATA_DIR: dataDir };
  expect(problemsOf(env)).toEqual([expect.stringMatching(/^JWT_SECRET: required/)]);
  expect(existsSync(dataDir)).toBe(false);
});

test("a truncated secret file is refused", () => {
  const dataDir = mkdtempSync(join(folder, "damaged-"));
  writeFileSync(join(dataDir, "secret"), "0123456789abcdef\n");
  const problems = problemsOf({ JWT_SECRET: "", COLINK_DATA_DIR: dataDir });
  expect(problems).toEqual([expect.stringMatching(/its file "secret" is damaged/)]);
  expect(problems.join()).not.toContain("0123456789abcdef");
});

test("an unusable data folder is refused by name", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  expect(problemsOf({ JWT_SECRET: "", COLINK_DATA_DIR: file })).toEqual([
    `COLINK_DATA_DIR="${file}": expected a folder that can be written and read (EEXIST)`,
  ]);
});

test("every problem is named, not only the first", () => {
  const env = {
    PORT: "x",
    DATABASE_URL: "mysql://db",
    JWT_SECRET: "",
    COLINK_NODE_APPROVAL: "yes",
  };
  expect(problemsOf(env).map((problem) => problem.split(/[=:]/)[0])).toEqual([
    "PORT",
    "DATABASE_URL",
    "COLINK_NODE_APPROVAL",
    "JWT_SECRET",
  ]);
});

test("a node is not dropped before two pings can have been answered", () => {
  const env = { JWT_SECRET: secret, COLINK_PING_SECONDS: "60" };
  expect(readConfig({ ...env, COLINK_SILENCE_SECONDS: "45" }).silenceMs).toBe(120_000);
  expect(readConfig({ ...env, COLINK_SILENCE_SECONDS: "121" }).silenceMs).toBe(121_000);
});

test("~ in the data folder is the user's home, at the start of the path only", () => {
  const dataDirOf = (path: string) =>
    readConfig({ JWT_SECRET: secret, COLINK_DATA_DIR: path }).dataDir;
  expect(dataDirOf("~/co-link")).toBe(join(homedir(), "co-link"));
  expect(dataDirOf("~")).toBe(homedir());
  expect(dataDirOf("/data/~/x")).toBe("/data/~/x");
  expect(dataDirOf("~other/x")).toBe("~other/x");
});

test("units are converted: seconds and days become milliseconds, on and off a boolean", () => {
  const env = {
    JWT_SECRET: secret,
    COLINK_IDLE_SECONDS: "0.5",
    COLINK_CALLER_IDLE_SECONDS: "7",
    COLINK_AUDIT_DAYS: "2",
    COLINK_NODE_APPROVAL: "on",
  };
  expect(readConfig(env)).toMatchObject({
    idleMs: 500,
    callerIdleMs: 7000,
    auditMs: 172_800_000,
    nodeApproval: true,
  });
  expect(readConfig({ JWT_SECRET: secret }).nodeApproval).toBe(false);
});

test("with a domain the gateway listens on 443 and 80, under its name; with a certificate on 443", () => {
  const read = (env: Record<string, string>) => readConfig({ JWT_SECRET: secret, ...env });
  expect(read({})).toMatchObject({ port: 8080, httpPort: null, publicUrl: null });
  expect(read({ COLINK_DOMAIN: "A.example.com,b.example.com" })).toMatchObject({
    port: 443,
    httpPort: 80,
    publicUrl: "https://a.example.com",
    domains: ["a.example.com", "b.example.com"],
  });
  expect(read({ COLINK_DOMAIN: "a.example.com", PORT: "8443", COLINK_HTTP_PORT: "8080" }))
    .toMatchObject({ port: 8443, httpPort: 8080, publicUrl: "https://a.example.com:8443" });
  expect(read({ COLINK_DOMAIN: "a.example.com", COLINK_PUBLIC_URL: "https://b.example.com" }))
    .toMatchObject({ publicUrl: "https://b.example.com" });
  expect(read({ COLINK_TLS_CERT: "c.pem", COLINK_TLS_KEY: "k.pem" }))
    .toMatchObject({ port: 443, httpPort: null, publicUrl: null });
});

test("the base path is that of the public address unless it is set itself", () => {
  const read = (env: Record<string, string>) => readConfig({ JWT_SECRET: secret, ...env });
  expect(read({})).toMatchObject({ basePath: "", publicUrl: null });
  expect(read({ COLINK_BASE_PATH: "/a/" })).toMatchObject({ basePath: "/a", publicUrl: null });
  const address = "https://example.com";
  for (
    const [url, path, expected] of [
      [`${address}/`, "", ""],
      [`${address}/a/b/`, "", "/a/b"],
      [address, "/a", "/a"],
      [`${address}/a`, "/a/", "/a"],
    ] as const
  ) {
    expect(read({ COLINK_PUBLIC_URL: url, COLINK_BASE_PATH: path }))
      .toMatchObject({ basePath: expected, publicUrl: address + expected });
  }
  expect(problemsOf({ COLINK_PUBLIC_URL: `${address}/a`, COLINK_BASE_PATH: "/b" })).toEqual([
    "COLINK_BASE_PATH: differs from the path of COLINK_PUBLIC_URL; set one of them",
  ]);
});

test("settings about certificates that do not go together are refused", () => {
  const file = { COLINK_TLS_CERT: "c.pem", COLINK_TLS_KEY: "k.pem" };
  expect(problemsOf({ COLINK_TLS_CERT: "c.pem" })).toEqual([
    "COLINK_TLS_KEY: required with COLINK_TLS_CERT",
  ]);
  expect(problemsOf({ COLINK_TLS_KEY: "k.pem" })).toEqual([
    "COLINK_TLS_CERT: required with COLINK_TLS_KEY",
  ]);
  expect(problemsOf({ ...file, COLINK_DOMAIN: "a.example.com" })).toEqual([
    "COLINK_DOMAIN: fetches a certificate; set either it or COLINK_TLS_CERT",
  ]);
  expect(problemsOf({ COLINK_HTTP_PORT: "80" })).toEqual([
    "COLINK_HTTP_PORT: redirects to HTTPS; set COLINK_DOMAIN or COLINK_TLS_CERT too, or PORT alone",
  ]);
});

test("settings of the sign-in provider that do not go together are refused, and its secret may be a file", () => {
  const file = join(folder, "oidc");
  const problems = (more: Record<string, string>) => problemsOf(more).join();
  const read = (more: Record<string, string>) =>
    readConfig({ JWT_SECRET: secret, COLINK_DATA_DIR: folder, ...given, ...more });
  const given = { COLINK_OIDC_ISSUER: "https://id.example.org", COLINK_OIDC_CLIENT_ID: "c" };
  expect(problems({ COLINK_OIDC_ONLY: "on" })).toContain("needs COLINK_OIDC_ISSUER too");
  expect(problems({ COLINK_OIDC_ISSUER: given.COLINK_OIDC_ISSUER }))
    .toContain("COLINK_OIDC_CLIENT_ID: required");
  expect(problems({ ...given, COLINK_OIDC_ADMINS: "root" }))
    .toContain("needs COLINK_OIDC_GROUPS_CLAIM too");
  expect(problems({ ...given, COLINK_OIDC_ISSUER: "http://id.example.org" }))
    .toContain("expected https://");
  expect(problems({ ...given, COLINK_OIDC_SCOPES: "email" })).toContain("openid among them");
  expect(problems({ ...given, COLINK_OIDC_GROUPS_CLAIM: "g", COLINK_OIDC_GROUPS: "a" }))
    .toContain("theirs=ours");
  expect(problems({ ...given, COLINK_OIDC_CLIENT_SECRET_FILE: file })).toContain("ENOENT");
  writeFileSync(file, "from the file\n");
  const both = { COLINK_OIDC_CLIENT_SECRET: "canary", COLINK_OIDC_CLIENT_SECRET_FILE: file };
  expect(problems({ ...given, ...both })).toContain("set either it or");
  expect(problems({ ...given, ...both })).not.toContain("canary");
  expect(read({ COLINK_OIDC_CLIENT_SECRET_FILE: file }).oidcClientSecret).toBe("from the file");
  const map = { COLINK_OIDC_GROUPS_CLAIM: "g", COLINK_OIDC_GROUPS: "a=b=A, a = B" };
  expect(read(map).oidcGroups).toEqual([["a=b", "A"], ["a", "B"]]);
});

import { expect, test } from "bun:test";
import { Redis } from "ioredis";
import postgres from "postgres";
import type { TroubleCause } from "../../api/mod.ts";
import { storeUnavailable } from "../store/backend.ts";
import { causeIn, causeText, causeTextOf, codeText, withoutCredentials } from "./trouble_cause.ts";

/** As the system, PostgreSQL, SQLite, Redis, OpenSSL and certificate authorities report each. */
const reports: Readonly<Record<TroubleCause, readonly string[]>> = {
  authority_forbidden: ["CAA record for example.org prevents issuance"],
  calls_lost: ["3 ended calls were lost: there was no room left"],
  calls_refused: ["calls that the database refuses are in refused.jsonl in the data folder"],
  cannot_save: ["it refuses writes: MISCONF"],
  certificate_expired: ["CERT_HAS_EXPIRED", "certificate has expired"],
  certificate_for_another_name: ["ERR_TLS_CERT_ALTNAME_INVALID"],
  certificate_not_yet_valid: ["CERT_NOT_YET_VALID", "certificate is not yet valid"],
  certificate_self_signed: ["DEPTH_ZERO_SELF_SIGNED_CERT", "self signed certificate"],
  certificate_untrusted: [
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "unable to verify the first certificate",
  ],
  connection_lost: ["the connection was lost", "connection closed", "ECONNRESET", "EPIPE"],
  connection_refused: ["the connection was lost: ECONNREFUSED", "connect ECONNREFUSED ::1:5432"],
  damaged: ["SQLite says SQLITE_CORRUPT", "it refuses to work now (SQLSTATE XX001)"],
  disk_failed: ["SQLite says SQLITE_IOERR_WRITE", "it refuses to work now (SQLSTATE 58030)"],
  disk_full: [
    "SQLite says SQLITE_FULL",
    "it refuses to work now (SQLSTATE 53100)",
    "ended calls wait in memory alone: the data folder takes no more (ENOSPC)",
    "the data folder is full: no room is reserved for ended calls",
  ],
  domain_elsewhere: ["192.0.2.7: Invalid response from http://a.example/.well-known/x: 404"],
  domain_unknown: ["DNS problem: NXDOMAIN looking up A for a.example"],
  locked: ["SQLite says SQLITE_BUSY", "it refuses to work now (SQLSTATE 55P03)"],
  name_unknown: ["getaddrinfo ENOTFOUND db", "EAI_AGAIN"],
  no_answer: ["it does not answer", "ETIMEDOUT", "The operation timed out.", "CONNECT_TIMEOUT"],
  no_database: ["it refuses to work now (SQLSTATE 3D000)"],
  no_file: ["ENOENT"],
  no_tables: ["it refuses to work now (SQLSTATE 42P01)", "no such table: users"],
  no_tls: ["ERR_SSL_WRONG_VERSION_NUMBER"],
  out_of_memory: ["it refuses writes: OOM", "it refuses to work now (SQLSTATE 53200)"],
  overloaded: ["too many queries are waiting for it"],
  password_refused: ["WRONGPASS", "NOAUTH", "it refuses to work now (SQLSTATE 28P01)"],
  permission_denied: [
    "it refuses to work now (SQLSTATE 42501)",
    "EACCES",
    "it refuses writes: NOPERM",
  ],
  port_80_closed: [
    "192.0.2.7: Fetching http://a.example/.well-known/x: Connection refused",
    "192.0.2.7: Fetching http://a.example/.well-known/x: Timeout during connect (likely firewall problem)",
  ],
  rate_limited: ["too many certificates (5) already issued for this exact set of identifiers"],
  read_only: ["it refuses writes: READONLY", "SQLITE_READONLY", "EROFS", "(SQLSTATE 25006)"],
  starting: ["the connection was lost: 57P03", "it refuses writes: LOADING"],
  too_many_connections: ["it refuses to work now (SQLSTATE 53300)"],
  too_many_files: ["EMFILE"],
  unreachable: ["connect EHOSTUNREACH 10.0.0.1:5432", "ENETUNREACH"],
};

for (const [cause, texts] of Object.entries(reports)) {
  test(`${cause} is known by the words of those that report it`, () => {
    for (const text of texts) expect([text, causeIn(text)]).toEqual([text, cause as TroubleCause]);
  });
}

test("what is not known stays quoted", () => {
  const text = "it refuses every row";
  expect(causeIn(text)).toBeNull();
  expect(causeTextOf(text)).toBe(text);
  expect(causeText(new Error("boom"))).toBe("boom");
  expect(codeText(Object.assign(new Error("boom"), { code: "EODD" }))).toBe("EODD");
});

test("what looks like an SQLSTATE behind a colon is a port", () => {
  for (const port of ["28000", "42501", "53300"]) {
    expect(causeIn(`connect ETIMEDOUT 10.0.0.1:${port}`)).toBe("no_answer");
  }
});

test("an address is quoted without the user name and password in it", () => {
  for (const password of ["pw", "p/w", "p@w", "p?w#", ""]) {
    const text = `cannot reach postgres://me:${password}@db:5432/x, timed out`;
    expect(causeTextOf(text)).toEndWith("(cannot reach postgres://db:5432/x, timed out)");
    expect(causeText(new Error(`redis://:${password}@r is odd`))).toBe("redis://r is odd");
  }
  expect(withoutCredentials("mail ann@example.org, see https://a.example/b")).toBe(
    "mail ann@example.org, see https://a.example/b",
  );
});

test("a terminal reads the cause and the original, and no words for callers", () => {
  const cause = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), {
    code: "ECONNREFUSED",
  });
  expect(causeText(storeUnavailable("the connection was lost", cause))).toBe(
    "connection refused (connect ECONNREFUSED 127.0.0.1:1)",
  );
  expect(causeText(storeUnavailable("it is closed"))).toBe("it is closed");
  expect(codeText(Object.assign(new Error("open /x"), { code: "EACCES" }))).toBe(
    "permission denied, EACCES",
  );
});

test("real databases' errors are known", async () => {
  const refused = postgres("postgres://nobody@127.0.0.1:1/x", { connect_timeout: 3 });
  expect(causeText(await refused`select 1`.catch((error: unknown) => error))).toStartWith(
    "connection refused (",
  );
  const { TEST_DATABASE_URL: database, TEST_REDIS_URL: redis } = process.env;
  const missing = postgres(new URL("/no_such_database", database).href, { max: 1 });
  expect(causeText(await missing`select 1`.catch((error: unknown) => error))).toStartWith(
    "there is no database of that name (",
  );
  const url = Object.assign(new URL(redis!), { username: "nobody", password: "wrong" });
  const client = new Redis(url.href, { lazyConnect: true, retryStrategy: () => null });
  const failure = new Promise((resolve) => client.once("error", resolve));
  await client.connect().catch(() => {});
  expect(causeText(await failure)).toStartWith("user name or password refused (");
  client.disconnect();
});

/** URLs of PostgreSQL as providers write them, and what is wrong with one that cannot be used. */

import { expect, test } from "bun:test";
import { type DatabaseAddress, parseDatabaseUrl } from "./database_url.ts";

const verified = { rejectUnauthorized: true, checksName: true };
const unverified = { rejectUnauthorized: false, checksName: false };

const cases: [url: string, expected: Partial<DatabaseAddress>][] = [
  ["postgres://u:p%3A%2F@db/d", {
    hosts: ["db"],
    ports: [5432],
    user: "u",
    password: "p:/",
    database: "d",
    tls: false,
  }],
  ["postgres://u:a:b,c@one:1,[::1]:2,three/d", {
    hosts: ["one", "::1", "three"],
    ports: [1, 2, 5432],
    password: "a:b,c",
  }],
  ["postgres:///d?host=/run/pg&port=6000&user=u", {
    hosts: undefined,
    socketPath: "/run/pg/.s.PGSQL.6000",
    user: "u",
    tls: false,
  }],
  ["postgres://%2Frun%2Fpg/d", { socketPath: "/run/pg/.s.PGSQL.5432" }],
  ["postgres://db/d?sslmode=require", { tls: unverified }],
  ["postgres://db/d?sslmode=prefer", { tls: "prefer" }],
  ["postgres://db/d?sslmode=verify-full&sslrootcert=system", { tls: verified }],
  [`postgres://db/d?sslrootcert=${import.meta.path}`, {
    tls: { rejectUnauthorized: true, checksName: false, ca: expect.any(String) as never },
  }],
  ["postgres://db/d?sslmode=require&channel_binding=require", { tls: verified }],
  ["postgres://db/d?sslmode=require&channel_binding=prefer&gssencmode=prefer", {
    tls: unverified,
    session: {},
  }],
  ["postgres://db/d?search_path=a%2Cb&options=-c%20x&pgbouncer=true", {
    session: { search_path: "a,b", options: "-c x" },
    isPooled: true,
  }],
  ["postgres://db/d?target_session_attrs=any", { targetSession: undefined }],
  ["postgres://db/d?target_session_attrs=read-write", { targetSession: "read-write" }],
];
for (const [url, expected] of cases) {
  test(`${url.replace(import.meta.path, "FILE")} is understood`, () => {
    expect(parseDatabaseUrl(url)).toMatchObject(expected);
  });
}

const wrong: [url: string, message: string][] = [
  ["postgres://u:pa/ss@db/d", "there is an @ after the first /"],
  ["postgres://u:pa#ss@db/d", "there is a # in it"],
  ["postgres://u:pa?ss@db/d", "the port of its host is no port"],
  ["postgres://u:%zz@db/d", "its password has a % that encodes nothing"],
  ["postgres://u:p@db:x/d", "the port of its host is no port"],
  ["postgres://u:p@one,two:99999/d", "the port of its host no. 2 is no port"],
  ["postgres://u:p@db/d?sslmode=on", "its sslmode must be one of disable, allow, prefer"],
  [
    "postgres://u:p@db/d?sslmode=require&sslcert=/none",
    "the file of its sslcert cannot be read (no such file or folder, ENOENT)",
  ],
];
for (const [url, message] of wrong) {
  test(`${url} is refused: ${message}`, () => {
    expect(() => parseDatabaseUrl(url)).toThrow(message);
  });
}

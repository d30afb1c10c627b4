/** Guessing passwords: who is slowed down, who is not, and whose word counts for where a request comes from. */

import { beforeAll, describe, expect, test } from "bun:test";
import { type Account, createAccount, login } from "../harness/account.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";

const WRONG = "a wrong password";

/** Tries by account and address, before there are no more for fifteen minutes. */
const TRIES = 5;

/** Trusts every connection from this machine, as if it were the operator's proxy. */
let proxied: Gateway;
let account: Account;
let other: Account;
/** Believes nobody. */
let direct: Gateway;

beforeAll(async () => {
  proxied = await startGateway({ env: { COLINK_TRUSTED_PROXIES: "127.0.0.0/8, 10.0.0.0/8" } });
  direct = await startGateway();
  [account, other] = await Promise.all([createAccount(proxied), createAccount(proxied)]);
}, 180_000);

/** The statuses of so many tries; `forwarded` says what the proxy tells about the n-th. */
async function tries(
  count: number,
  gateway: Gateway,
  email: string,
  forwarded: (n: number) => string,
  password = WRONG,
): Promise<number[]> {
  const statuses: number[] = [];
  for (let n = 0; n < count; n++) {
    const headers = { "x-forwarded-for": forwarded(n) };
    statuses.push((await login(gateway, email, password, headers)).status);
  }
  return statuses;
}

const refused = (count: number) => Array.from({ length: count }, () => 401);
const at = (address: string) => () => address;

async function signsIn(gateway: Gateway, { email, password }: Account, address: string) {
  const [status] = await tries(1, gateway, email, at(address), password);
  return status === 200;
}

/** Nobody's: a try takes as long, and counts as much, as for an account that there is. */
const someEmail = () => `${crypto.randomUUID()}@example.com`;

describe("five wrong passwords", () => {
  test("lock that address out of that account, the right password included, and say until when", async () => {
    const eve = at("203.0.113.1");
    expect(await tries(TRIES, proxied, account.email, eve)).toEqual(refused(TRIES));
    const answer = await login(proxied, account.email, account.password, {
      "x-forwarded-for": eve(),
    });
    expect(answer.status).toBe(429);
    expect(answer.json.error.code).toBe("login_throttled");
    const retryAfter = Number(answer.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThan(14 * 60);
    expect(retryAfter).toBeLessThanOrEqual(15 * 60);
    expect(answer.headers.get("set-cookie")).toBeNull();
  });

  test("lock out neither the account's owner at another address nor that address from other accounts", async () => {
    const eve = "203.0.113.2";
    await tries(TRIES, proxied, account.email, at(eve));
    expect(await signsIn(proxied, account, eve)).toBe(false);
    expect(await signsIn(proxied, account, "198.51.100.7")).toBe(true);
    expect(await signsIn(proxied, other, eve)).toBe(true);
  });

  test("are counted again after a correct one", async () => {
    const typing = "203.0.113.3";
    await tries(TRIES - 1, proxied, account.email, at(typing));
    expect(await signsIn(proxied, account, typing)).toBe(true);
    expect(await tries(2, proxied, account.email, at(typing))).toEqual(refused(2));
  });

  test("are counted for an account that does not exist, too, however its e-mail is typed", async () => {
    const [email, eve] = [someEmail(), at("203.0.113.4")];
    expect(await tries(TRIES, proxied, email.toUpperCase(), eve)).toEqual(refused(TRIES));
    expect(await tries(1, proxied, ` ${email} `, eve)).toEqual([429]);
  });

  test("are the limit when twelve arrive at once", async () => {
    const email = someEmail();
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => tries(1, proxied, email, at("203.0.113.5"))),
    );
    expect(answers.flat().toSorted()).toEqual([...refused(TRIES), ...Array(7).fill(429)]);
  });

  test("are the limit for a caller who forges its address", async () => {
    const made = (n: number) => `198.51.100.${n}`;
    const expected = [...refused(TRIES), 429];
    expect(await tries(TRIES + 1, direct, someEmail(), made)).toEqual(expected);
    const seenThrough = (n: number) => `${made(n)}, 203.0.113.9:${40_000 + n}, 10.1.2.3`;
    expect(await tries(TRIES + 1, proxied, someEmail(), seenThrough)).toEqual(expected);
  });
});

describe("the session's cookie", () => {
  const cookieOf = async (
    gateway: Gateway,
    { email, password }: Account,
    headers: Record<string, string> = {},
  ) => {
    const answer = await login(gateway, email, password, headers);
    const cookies = answer.headers.getSetCookie();
    const cookie = cookies.find((one) => one.startsWith("colink_session="))!;
    const [pair = "", ...attributes] = cookie.split("; ");
    expect(pair).toBe(`colink_session=${answer.json.token}`);
    return attributes.map((one) => one.toLowerCase()).toSorted();
  };
  const always = ["httponly", "max-age=86400", "path=/", "samesite=strict"];

  test("is not accessible to scripts and other sites", async () => {
    expect(await cookieOf(proxied, account)).toEqual(always);
  });

  test("is sent over encrypted connections only where a trusted proxy reports one", async () => {
    const told = { "x-forwarded-proto": "https" };
    expect(await cookieOf(proxied, account, told)).toEqual([...always, "secure"].toSorted());
    expect(await cookieOf(direct, await createAccount(direct), told)).toEqual(always);
  });

  test("is sent over encrypted connections only where the public address uses https", async () => {
    const gateway = await startGateway({ env: { COLINK_PUBLIC_URL: "https://co-link.example" } });
    const cookie = await cookieOf(gateway, await createAccount(gateway));
    expect(cookie).toEqual([...always, "secure"].toSorted());
  });
});

/** Sessions: which JWTs are taken, and which are not. */

import { expect, test } from "bun:test";
import { generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { type Clock, systemClock } from "../base/clock.ts";
import { Sessions } from "./sessions.ts";
import { newToken } from "./tokens.ts";

const secret = "a secret of at least thirty-two bytes";
const key = new TextEncoder().encode(secret);
let nowMs = Date.parse("2026-11-01T12:00:00Z");
const clock: Clock = { ...systemClock, now: () => nowMs };
const sessions = new Sessions(secret, clock);

const claims = () => {
  const iat = Math.floor(nowMs / 1000);
  return { iss: "co-link", aud: "co-link-console", sub: "acc", iat, exp: iat + 3600, sid: "ses" };
};
const signed = (change: object = {}, header: object = {}) =>
  new SignJWT({ ...claims(), ...change })
    .setProtectedHeader({ alg: "HS256", typ: "JWT", ...header }).sign(key);

const required = { code: "session_required" };

test("a session that was issued names itself and its account", async () => {
  const claim = { accountId: "acc-1", sessionId: "ses-1" };
  expect(await sessions.verify(await sessions.issue(claim))).toEqual(claim);
  expect(await sessions.verify(await signed())).toEqual({ accountId: "acc", sessionId: "ses" });
});

test("a session is over after 24 hours and a minute's leeway, not before", async () => {
  const jwt = await sessions.issue({ accountId: "acc", sessionId: "ses" });
  const issuedMs = nowMs;
  nowMs = issuedMs + 24 * 3600_000 + 59_000;
  expect(await sessions.verify(jwt)).toMatchObject({ accountId: "acc" });
  nowMs = issuedMs + 24 * 3600_000 + 61_000;
  await expect(sessions.verify(jwt)).rejects.toMatchObject({ code: "session_expired" });
  nowMs = issuedMs;
});

const bad: Record<string, () => string | Promise<string>> = {
  "without a signature (alg none)": () => new UnsecuredJWT(claims()).encode(),
  "of another HMAC": () => signed({}, { alg: "HS512" }),
  "of a public-key algorithm": async () => {
    const { privateKey } = await generateKeyPair("RS256");
    return new SignJWT(claims()).setProtectedHeader({ alg: "RS256", typ: "JWT" }).sign(privateKey);
  },
  "with a kid": () => signed({}, { kid: "../../dev/null" }),
  "with a jku": () => signed({}, { jku: "https://evil.example/jwks" }),
  "with a jwk": () => signed({}, { jwk: { kty: "oct", k: "AAAA" } }),
  "of another type": () => signed({}, { typ: "at+jwt" }),
  "of another issuer": () => signed({ iss: "somebody" }),
  "for another audience": () => signed({ aud: "somebody" }),
  "without an end": () => signed({ exp: undefined }),
  "without a subject": () => signed({ sub: undefined }),
  "without a session": () => signed({ sid: undefined }),
  "with an empty session": () => signed({ sid: "" }),
  "with an empty subject": () => signed({ sub: "" }),
  "signed by another secret": () =>
    new Sessions("another secret of thirty-two bytes", clock).issue({
      accountId: "acc",
      sessionId: "ses",
    }),
  "with another account written in": async () => {
    const [header, , signature] = (await sessions.issue({ accountId: "acc", sessionId: "ses" }))
      .split(".");
    const payload = Buffer.from(JSON.stringify({ ...claims(), sub: "admin" })).toString(
      "base64url",
    );
    return `${header}.${payload}.${signature}`;
  },
  "that is an API key": () => newToken("api"),
  "that is nothing": () => "",
};

for (const [what, make] of Object.entries(bad)) {
  test(`a token ${what} is no session`, async () => {
    await expect(sessions.verify(await make())).rejects.toMatchObject(required);
  });
}

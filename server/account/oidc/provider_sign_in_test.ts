/** What is said of a provider's answer that cannot be accepted. */

import { expect, test } from "bun:test";
import * as jose from "jose";
import { isAboutTime } from "./provider_sign_in.ts";

const key = new TextEncoder().encode("a key of at least thirty-two bytes");
const NOW_S = 1_800_000_000;

/** Why a token with these times, and with an audience, is refused now. */
async function refusal(times: { iat: number; exp: number; nbf?: number }, audience = "us") {
  const token = await new jose.SignJWT({ ...times, aud: "us" }).setProtectedHeader({ alg: "HS256" })
    .sign(key);
  const options = { currentDate: new Date(NOW_S * 1000), maxTokenAge: 3600, audience };
  return await jose.jwtVerify(token, key, options).then(() => null, (error: unknown) => error);
}

test("a token of yesterday or tomorrow names the clock, and one for another audience does not", async () => {
  const [iat, exp] = [NOW_S - 60, NOW_S + 60];
  expect(await refusal({ iat, exp })).toBeNull();
  for (const days of [-1, 1]) {
    const offset = days * 86_400;
    expect(isAboutTime(await refusal({ iat: iat + offset, exp: exp + offset }))).toBe(true);
  }
  expect(isAboutTime(await refusal({ iat, exp, nbf: NOW_S + 86_400 }))).toBe(true);
  expect(isAboutTime(await refusal({ iat, exp }, "others"))).toBe(false);
});

test("openid-client's own words for a time that does not fit name the clock, too", () => {
  for (
    const text of [
      'unexpected JWT "exp" (expiration time) claim value, expiration is past current timestamp',
      'unexpected JWT "iat" (issued at) claim value, it is too far in the past',
    ]
  ) expect(isAboutTime(new Error("invalid response", { cause: new Error(text) }))).toBe(true);
});

/** Sessions of the console: JWTs, HS256 and nothing else, good for 24 hours or until the password changes. */

import { createHmac } from "node:crypto";
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import { ColinkError } from "../error.ts";

const ALGORITHM = "HS256";
const TYPE = "JWT";
const ISSUER = "co-link";
const AUDIENCE = "co-link-console";

/** How long a session lasts. */
export const SESSION_SECONDS = 24 * 60 * 60;

/** 96 bits: enough to tell passwords apart, too few to find one. */
const STAMP_CHARS = 16;

/** How far clocks of two gateways may be apart. */
const LEEWAY_SECONDS = 60;

/** Whom a session is of. */
export interface Session {
  accountId: string;
  /** Of the password that was signed in with; see `passwordStamp`. */
  passwordStamp: string;
}

export class Sessions {
  readonly #secret: Uint8Array;
  readonly #now: () => number;

  constructor(secret: string, { now = Date.now }: { now?: () => number } = {}) {
    this.#secret = new TextEncoder().encode(secret);
    this.#now = now;
  }

  /** Changes with the password that was hashed, and tells nothing about it. */
  passwordStamp(passwordHash: string): string {
    return createHmac("sha256", this.#secret).update(`password stamp\0${passwordHash}`)
      .digest("base64url").slice(0, STAMP_CHARS);
  }

  /** A JWT for this account and its password as it is now. */
  issue(accountId: string, passwordHash: string): Promise<string> {
    const nowSeconds = Math.floor(this.#now() / 1000);
    return new SignJWT({ pwd: this.passwordStamp(passwordHash) })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(accountId)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + SESSION_SECONDS)
      .sign(this.#secret);
  }

  /** Whose session it is. Throws `session_expired`, or `session_required` for everything else that is not right. */
  async verify(jwt: string): Promise<Session> {
    try {
      refuseForeignHeader(jwt);
      const { payload } = await jwtVerify(jwt, this.#secret, {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: ISSUER,
        audience: AUDIENCE,
        requiredClaims: ["exp", "iat", "sub"],
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(this.#now()),
      });
      const { sub: accountId, pwd: passwordStamp } = payload;
      if (!accountId) throw new Error("no subject");
      if (typeof passwordStamp !== "string") throw new Error("no password stamp");
      return { accountId, passwordStamp };
    } catch (cause) {
      if (cause instanceof errors.JWTExpired) {
        throw new ColinkError(
          "session_expired",
          "Cannot go on: the session is over; sign in again",
          {
            cause,
          },
        );
      }
      throw new ColinkError("session_required", "Cannot do this: sign in first", { cause });
    }
  }
}

/** A `kid`, `jku` or `jwk` asks for another key than ours, so such a token is not ours either. */
function refuseForeignHeader(jwt: string): void {
  const foreign = Object.keys(decodeProtectedHeader(jwt))
    .filter((name) => name !== "alg" && name !== "typ");
  if (foreign.length > 0) throw new Error(`header with ${foreign.join(", ")}`);
}

/** Sessions of the console as their holders have them: JWTs, HS256 and nothing else, good for 24 hours. */

import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import { ColinkError } from "../base/error.ts";

const ALGORITHM = "HS256";
const TYPE = "JWT";
const ISSUER = "co-link";
const AUDIENCE = "co-link-console";

/** How long a session lasts. */
export const SESSION_SECONDS = 24 * 60 * 60;

/** How far clocks of two gateways may be apart. */
const LEEWAY_SECONDS = 60;

/** What a JWT says. Whether the session still is one, the store knows. */
export interface SessionClaim {
  sessionId: string;
  accountId: string;
}

export class Sessions {
  readonly #secret: Uint8Array;
  readonly #now: () => number;

  constructor(secret: string, { now = Date.now }: { now?: () => number } = {}) {
    this.#secret = new TextEncoder().encode(secret);
    this.#now = now;
  }

  /** A JWT for this account's session. */
  issue({ accountId, sessionId }: SessionClaim): Promise<string> {
    const nowSeconds = Math.floor(this.#now() / 1000);
    return new SignJWT({ sid: sessionId })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(accountId)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + SESSION_SECONDS)
      .sign(this.#secret);
  }

  /** Which session it claims to be. Throws `session_expired`, or `session_required` for everything else that is not right. */
  async verify(jwt: string): Promise<SessionClaim> {
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
      const { sub: accountId, sid: sessionId } = payload;
      if (!accountId) throw new Error("no subject");
      if (typeof sessionId !== "string" || sessionId === "") throw new Error("no session");
      return { accountId, sessionId };
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

/** The console's session tokens: JWTs, signed with HS256 only, valid for 24 hours. */

import type * as Jose from "jose";
import type { Clock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";

const ALGORITHM = "HS256";
const TYPE = "JWT";
const ISSUER = "co-link";
const AUDIENCE = "co-link-console";

/** How long a session lasts. */
export const SESSION_SECONDS = 24 * 60 * 60;

/** How far the clocks of two gateways may differ. */
const LEEWAY_SECONDS = 60;

/** Loaded by the first sign-in, or the first page that somebody opens: most calls have API keys. */
const loadJose = () => import("jose");

/** What a JWT claims. Only the store knows whether the session has ended. */
export interface SessionClaim {
  sessionId: string;
  accountId: string;
}

export class Sessions {
  readonly #secret: Uint8Array;

  constructor(secret: string, private readonly clock: Clock) {
    this.#secret = new TextEncoder().encode(secret);
  }

  /** A signed JWT for an account's session. */
  async issue({ accountId, sessionId }: SessionClaim): Promise<string> {
    const { SignJWT } = await loadJose();
    const nowSeconds = Math.floor(this.clock.now() / 1000);
    return await new SignJWT({ sid: sessionId })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(accountId)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + SESSION_SECONDS)
      .sign(this.#secret);
  }

  /** The claim of a valid JWT. Throws `session_expired`, or `session_required` for any other fault. */
  async verify(jwt: string): Promise<SessionClaim> {
    const jose = await loadJose();
    try {
      refuseForeignHeader(jose, jwt);
      const { payload } = await jose.jwtVerify(jwt, this.#secret, {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: ISSUER,
        audience: AUDIENCE,
        requiredClaims: ["exp", "iat", "sub"],
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(this.clock.now()),
      });
      const { sub: accountId, sid: sessionId } = payload;
      if (!accountId) throw new Error("no subject");
      if (typeof sessionId !== "string" || sessionId === "") throw new Error("no session");
      return { accountId, sessionId };
    } catch (cause) {
      if (cause instanceof jose.errors.JWTExpired) {
        throw new ColinkError(
          "session_expired",
          "Cannot continue: the session has expired; sign in again",
          { cause },
        );
      }
      throw new ColinkError("session_required", "Cannot do this: sign in first", { cause });
    }
  }
}

/** Header members such as `kid`, `jku` or `jwk` would select another key: the gateway never issues them. */
function refuseForeignHeader({ decodeProtectedHeader }: typeof Jose, jwt: string): void {
  const foreign = Object.keys(decodeProtectedHeader(jwt))
    .filter((name) => name !== "alg" && name !== "typ");
  if (foreign.length > 0) throw new Error(`header with ${foreign.join(", ")}`);
}

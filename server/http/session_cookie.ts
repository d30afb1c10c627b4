/**
 * The console's session, in two cookies: the JWT, which no script can read, and a mark which says only
 * that there is a session, so that the console sends no request where there is none.
 */

import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { CookieOptions } from "hono/utils/cookie";
import { ColinkError } from "../base/error.ts";
import { SESSION_SECONDS } from "../account/sessions.ts";
import type { AppContext } from "./env.ts";
import { type Gateway, isReachedByHttps } from "./gateway_url.ts";

const SESSION = "colink_session";
/** Also in web/state/mark.ts. */
const MARK = "colink_signed_in";

/** Another site's form cannot send this header: with it, a cookie proves that the console sent the request. */
const CSRF_HEADER = "x-colink-csrf";

export function setSession(c: AppContext, jwt: string, gateway: Gateway): void {
  const options: CookieOptions = {
    sameSite: "Strict",
    path: sessionPath(gateway.config),
    maxAge: SESSION_SECONDS,
    secure: isReachedByHttps(c, gateway),
  };
  setCookie(c, SESSION, jwt, { ...options, httpOnly: true });
  setCookie(c, MARK, "1", options);
}

export function clearSession(c: AppContext, config: Gateway["config"]): void {
  const path = sessionPath(config);
  deleteCookie(c, SESSION, { path });
  deleteCookie(c, MARK, { path });
}

/** The JWT. */
export function sessionCookie(c: AppContext): string | undefined {
  return getCookie(c, SESSION);
}

/** Throws `origin_refused` for a request that another site may have made the browser send. */
export function refuseForgery(c: AppContext): void {
  if (c.req.method === "GET" || c.req.header(CSRF_HEADER)) return;
  throw new ColinkError(
    "origin_refused",
    `Missing CSRF header: send ${CSRF_HEADER}, or use Authorization: Bearer instead of the cookie`,
  );
}

/** Below which browsers send the session: other programs of the same host need not see it. */
function sessionPath({ basePath }: Gateway["config"]): string {
  return basePath || "/";
}

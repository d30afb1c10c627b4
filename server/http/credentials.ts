/** Finds out who is asking: API keys on /v1, sessions on /api. One function each, used by every route. */

import { ColinkError } from "../error.ts";
import type { Accounts } from "../account/accounts.ts";
import type { Key, Keyring } from "../account/keyring.ts";
import type { Limiter, Verdict } from "../limit/limiter.ts";
import type { AnswerHeaders, AppContext } from "./env.ts";
import { refuseForgery, sessionCookie } from "./session_cookie.ts";

/** The key behind `Authorization: Bearer` (or `x-api-key`, `api-key`, as some clients send it). */
export function apiKey(headers: Headers, keyring: Keyring): Key | Promise<Key> {
  const token = bearer(headers) ?? headers.get("x-api-key") ?? headers.get("api-key");
  if (!token) {
    throw new ColinkError(
      "missing_api_key",
      "Cannot tell who is asking: send the header Authorization: Bearer sk-colink-…; the console shows your key",
    );
  }
  return keyring.cached(token, "api") ?? keyring.authenticate(token, "api");
}

/** Counts the call against its key's limit and puts into `headers` how much is left. Throws rate_limited or key_blocked. */
export async function withinLimit(
  key: Key,
  limiter: Limiter,
  defaultRpm: number,
  headers: AnswerHeaders,
): Promise<void> {
  const rpm = key.rpm ?? defaultRpm;
  // By account: a token that replaced another one brings no minute of its own.
  const taken = limiter.take(key.accountId, rpm);
  const verdict = taken instanceof Promise ? await taken : taken;
  setLimitHeaders(headers, verdict);
  if (verdict.allowed) return;
  if (rpm === 0) {
    throw new ColinkError(
      "key_blocked",
      "Cannot call: this key is blocked; ask the gateway's operator",
    );
  }
  throw new ColinkError(
    "rate_limited",
    `Cannot call: this key's limit of ${rpm} calls a minute is used up; try again later`,
    { retryAfterMs: verdict.retryAfterMs },
  );
}

/** The account behind a session: `Authorization: Bearer <JWT>`, or the console's cookie. */
export async function sessionAccount(c: AppContext, accounts: Accounts): Promise<string> {
  const token = bearer(c.req.raw.headers);
  if (token) return (await accounts.authenticateSession(token)).accountId;
  const cookie = sessionCookie(c);
  if (!cookie) {
    throw new ColinkError("session_required", "Cannot tell who is asking: sign in first");
  }
  refuseForgery(c);
  return (await accounts.authenticateSession(cookie)).accountId;
}

/** The account behind the session that comes along, where one does and is good; else null. For what everybody may see. */
export async function viewerAccount(c: AppContext, accounts: Accounts): Promise<string | null> {
  const token = bearer(c.req.raw.headers) ?? sessionCookie(c);
  if (!token) return null;
  try {
    return (await accounts.authenticateSession(token)).accountId;
  } catch (error) {
    if (error instanceof ColinkError && error.kind.status === 401) return null;
    throw error;
  }
}

function bearer(headers: Headers): string | undefined {
  const header = headers.get("authorization");
  if (header === null) return undefined;
  return /^bearer +(\S+) *$/i.exec(header)?.[1];
}

function setLimitHeaders(headers: AnswerHeaders, { limit, remaining, resetMs }: Verdict): void {
  headers["x-ratelimit-limit-requests"] = String(limit);
  headers["x-ratelimit-remaining-requests"] = String(remaining);
  headers["x-ratelimit-reset-requests"] = duration(resetMs);
}

/** As OpenAI writes it: `750ms`, `1s`, `6m0s`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

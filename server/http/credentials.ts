/** Authenticates requests: API keys on /v1, sessions on /api. */

import { ColinkError } from "../base/error.ts";
import type { Accounts } from "../account/accounts.ts";
import type { Visitor } from "../account/session_book.ts";
import type { Key, Keyring } from "../account/keyring.ts";
import type { Admission, Remaining } from "./usage_budgets.ts";
import type { Limiter, Verdict } from "../limit/limiter.ts";
import type { AnswerHeaders, AppContext } from "./env.ts";
import type { RefusalLimit } from "./refusal_limit.ts";
import { refuseForgery, sessionCookie } from "./session_cookie.ts";

/** Whether the request comes from a program that looks for the API: it has a key, or accepts JSON and no HTML. */
export function isApiCaller(headers: Headers): boolean {
  const accepts = headers.get("accept") ?? "";
  const wantsJson = accepts.includes("application/json") && !accepts.includes("text/html");
  return wantsJson || keyIn(headers) !== null;
}

export interface KeyCheckParts {
  keyring: Keyring;
  refusals: RefusalLimit;
}

/** Who sends a request. */
export interface Caller {
  /** Its network address. */
  address(): string;
}

/**
 * The key behind `Authorization: Bearer` (or `x-api-key`, `api-key`, as some clients send it).
 * Throws as Keyring.authenticate, or rate_limit_exceeded for a
 * network that has been refused too often.
 */
export function apiKey(
  headers: Headers,
  parts: KeyCheckParts,
  caller: Caller,
): Key | Promise<Key> {
  const token = keyIn(headers);
  if (token === null) return missingKey(parts, caller);
  return parts.keyring.cached(token, "api") ?? checkedKey(token, parts, caller);
}

async function missingKey({ refusals }: KeyCheckParts, caller: Caller): Promise<never> {
  await refusals.count(caller.address());
  throw new ColinkError(
    "missing_api_key",
    "Missing API key: send Authorization: Bearer sk-colink-…; your key is on the console's dashboard",
  );
}

async function checkedKey(
  token: string,
  { keyring, refusals }: KeyCheckParts,
  caller: Caller,
): Promise<Key> {
  // A key that was good before is no guess: its neighbours' guesses must not shut it out.
  if (!keyring.isKnown(token)) refusals.expectRoom(caller.address());
  try {
    return await keyring.authenticate(token, "api");
  } catch (error) {
    const isRefusal = error instanceof ColinkError && error.kind.status === 401;
    if (isRefusal) await refusals.count(caller.address());
    throw error;
  }
}

/**
 * Counts the call against the limits of its key and its account, and sets the headers of the one that
 * has less left. Throws rate_limit_exceeded or key_blocked. `allowance` sets calls apart that have
 * limits of their own, of the same size.
 */
export function withinLimit(
  key: Key,
  limiter: Limiter,
  defaultRpm: number,
  headers: AnswerHeaders,
  allowance = "",
): void | Promise<void> {
  // The key's own limit first: a call that it refuses is not counted for the account.
  const own = key.rpm === null ? null : limiter.take(`${allowance}key:${key.family}`, key.rpm);
  const withinAll = (own: Verdict | null) => {
    if (own !== null && !own.allowed) throw refusedBy("key", own, headers);
    const all = limiter.take(allowance + key.accountId, key.accountRpm ?? defaultRpm);
    return all instanceof Promise
      ? all.then((all) => countedFor(own, all, headers))
      : countedFor(own, all, headers);
  };
  return own instanceof Promise ? own.then(withinAll) : withinAll(own);
}

/** `own`: of the key; null: it has no limit of its own. `all`: of its account. */
function countedFor(own: Verdict | null, all: Verdict, headers: AnswerHeaders): void {
  if (!all.allowed) throw refusedBy("account", all, headers);
  setLimitHeaders(headers, own !== null && own.remaining < all.remaining ? own : all);
}

/** Gives the call back to the limits of its key and its account. */
export function giveBack(key: Key, limiter: Limiter, defaultRpm: number): void {
  if (key.rpm !== null) limiter.giveBack(`key:${key.family}`, key.rpm);
  limiter.giveBack(key.accountId, key.accountRpm ?? defaultRpm);
}

function refusedBy(
  whose: "key" | "account",
  verdict: Verdict,
  headers: AnswerHeaders,
): ColinkError {
  setLimitHeaders(headers, verdict);
  if (verdict.limit === 0) {
    return new ColinkError(
      "key_blocked",
      `Cannot call: this ${whose} is blocked; ask ${
        whose === "key" ? "its owner" : "the gateway's operator"
      }`,
    );
  }
  return new ColinkError(
    "rate_limit_exceeded",
    `Cannot call: this ${whose}'s limit of ${verdict.limit} calls per minute is used up; try again later`,
    { retryAfterMs: verdict.retryAfterMs },
  );
}

/** The account of a session: by `Authorization: Bearer <JWT>`, or by the console's cookie. */
export async function sessionVisitor(c: AppContext, accounts: Accounts): Promise<Visitor> {
  const token = bearer(c.req.raw.headers);
  if (token) return await accounts.authenticateSession(token);
  const cookie = sessionCookie(c);
  if (!cookie) {
    throw new ColinkError("session_required", "Cannot tell who is asking: sign in first");
  }
  refuseForgery(c);
  return await accounts.authenticateSession(cookie);
}

/**
 * The session's token, unchecked. Throws `origin_refused` for a cookie without the console's header,
 * which another site's form cannot send.
 */
export function sessionToken(c: AppContext): string | undefined {
  const token = bearer(c.req.raw.headers);
  if (token !== undefined) return token;
  refuseForgery(c);
  return sessionCookie(c);
}

/** The account of the request's session; null: there is none, or it is not valid. For public routes. */
export async function sessionOf(c: AppContext, accounts: Accounts): Promise<Visitor | null> {
  const token = bearer(c.req.raw.headers) ?? sessionCookie(c);
  if (!token) return null;
  try {
    return await accounts.authenticateSession(token);
  } catch (error) {
    if (error instanceof ColinkError && error.kind.status === 401) return null;
    throw error;
  }
}

function keyIn(headers: Headers): string | null {
  return (bearer(headers) ?? headers.get("x-api-key") ?? headers.get("api-key")) || null;
}

function bearer(headers: Headers): string | undefined {
  const header = headers.get("authorization");
  if (header === null) return undefined;
  return /^bearer +(\S+) *$/i.exec(header)?.[1];
}

/** Sets the headers of what the call's budgets have left. */
export function setBudgetHeaders(headers: AnswerHeaders, { requests, tokens }: Admission): void {
  const others = Number(headers["x-ratelimit-remaining-requests"] ?? Infinity);
  if (requests !== null && requests.remaining < others) setLimitHeaders(headers, requests);
  if (tokens !== null) setLimitHeaders(headers, tokens, "tokens");
}

function setLimitHeaders(
  headers: AnswerHeaders,
  { limit, remaining, resetMs }: Remaining,
  what: "requests" | "tokens" = "requests",
): void {
  headers[`x-ratelimit-limit-${what}`] = String(limit);
  headers[`x-ratelimit-remaining-${what}`] = String(remaining);
  headers[`x-ratelimit-reset-${what}`] = duration(resetMs);
}

/** In OpenAI's format: `750ms`, `1s`, `6m0s`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** Who is signed in, what they may do, and what is written down of it: one function each, used by every route. */

import type { Actor, AuditEvent } from "../../account/audit_log.ts";
import type { Visitor } from "../../account/session_book.ts";
import { ColinkError } from "../../base/error.ts";
import { sessionVisitor } from "../credentials.ts";
import type { AppContext } from "../env.ts";
import type { AppParts } from "../parts.ts";

/** Whoever is signed in. Throws `session_required`, `session_expired` or `origin_refused`. */
export function signedIn(c: AppContext, { accounts }: AppParts): Promise<Visitor> {
  return sessionVisitor(c, accounts);
}

/** Whoever is signed in, if it is an administrator. Throws as `signedIn`, or `admin_required`. */
export async function administrator(c: AppContext, parts: AppParts): Promise<Visitor> {
  const visitor = await signedIn(c, parts);
  if (visitor.role === "admin") return visitor;
  throw new ColinkError("admin_required", "Cannot do this: only administrators may");
}

/** Writes down what somebody did. */
export function audit(
  c: AppContext,
  parts: AppParts,
  who: Pick<Visitor, "accountId" | "email"> | null,
  deed: AuditEvent,
): Promise<void> {
  const actor: Actor = {
    accountId: who?.accountId ?? null,
    email: who?.email ?? null,
    address: parts.origin(c).address,
  };
  return parts.audit.write(actor, deed);
}

/** Throws `rate_limited` for somebody who does this more often than so many times a minute. */
export async function limitRate(
  { limiter }: AppParts,
  deed: string,
  accountId: string,
  perMinute: number,
): Promise<void> {
  const { allowed, retryAfterMs } = await limiter.take(`${deed}:${accountId}`, perMinute);
  if (allowed) return;
  throw new ColinkError(
    "rate_limit_exceeded",
    `Cannot do this now: it was done ${perMinute} times within a minute; try again later`,
    { retryAfterMs },
  );
}

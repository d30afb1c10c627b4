/** What the routes ask of a visitor: a session, a role; and the audit log's entries of what it did. */

import type { AuditEvent } from "../../account/audit_log.ts";
import type { Visitor } from "../../account/session_book.ts";
import { ColinkError } from "../../base/error.ts";
import { sessionVisitor } from "../credentials.ts";
import type { AppContext } from "../env.ts";
import type { AppParts } from "../parts.ts";

/** The request's visitor. Throws `session_required`, `session_expired` or `origin_refused`. */
export async function signedIn(c: AppContext, { accounts }: AppParts): Promise<Visitor> {
  return c.get("visitor") ?? await sessionVisitor(c, accounts);
}

/** The request's visitor, an administrator. Throws as `signedIn`, or `admin_required`. */
export async function administrator(c: AppContext, parts: AppParts): Promise<Visitor> {
  const visitor = await signedIn(c, parts);
  if (visitor.role === "admin") return visitor;
  throw new ColinkError("admin_required", "Cannot do this: only administrators may");
}

/** Writes what the visitor did into the audit log. */
export function audit(
  c: AppContext,
  parts: AppParts,
  { accountId, email }: Pick<Visitor, "accountId" | "email">,
  event: AuditEvent,
): Promise<void> {
  const { address } = parts.origin(c);
  return parts.audit.write({ accountId, email, address }, event);
}

/** Errors for tokens that are not accepted; their messages lead to the right token. */

import { ColinkError, type ErrorCode } from "../base/error.ts";
import type { KeyKind } from "../store/store.ts";
import { isWellFormed, tokenKind } from "./tokens.ts";

type Reason =
  | "missing"
  | "foreign"
  | "session"
  | "notOurs"
  | "mistyped"
  | "unknown"
  | "wrongKind"
  | "revoked"
  | "expired"
  | "blocked";

const SHAPE = "Co-Link keys begin with sk-colink-";
const WHERE = "the console's dashboard shows yours";

/** By the kind of token that was required, and what is wrong with the one that was sent. */
const rows: Readonly<Record<KeyKind, Record<Reason, readonly [ErrorCode, string]>>> = {
  api: {
    missing: [
      "missing_api_key",
      `no API key was sent; add the header Authorization: Bearer sk-colink-…, ${WHERE}`,
    ],
    foreign: ["invalid_api_key", `this looks like another provider's key; ${SHAPE}, ${WHERE}`],
    session: ["invalid_api_key", `this is a console session, not an API key; ${SHAPE}, ${WHERE}`],
    notOurs: ["invalid_api_key", `this is not a Co-Link API key; ${SHAPE}, ${WHERE}`],
    mistyped: ["invalid_api_key", `the API key is mistyped or incomplete; copy it again, ${WHERE}`],
    unknown: ["invalid_api_key", `the API key is not known here; ${WHERE}`],
    wrongKind: [
      "wrong_token_kind",
      `this is a node token, which connects nodes; calls need an API key, sk-colink-…, ${WHERE}`,
    ],
    revoked: ["key_revoked", `the API key was replaced by a newer one; ${WHERE}`],
    expired: ["key_expired", `the API key has expired; make another, ${WHERE}`],
    blocked: ["key_blocked", "the key's account was disabled; ask who runs this gateway"],
  },
  node: {
    missing: [
      "invalid_client_token",
      `no node token was sent; set client_token in the node's configuration, ${WHERE}`,
    ],
    foreign: [
      "invalid_client_token",
      `this looks like a provider's key; node tokens begin with client-, ${WHERE}`,
    ],
    session: [
      "invalid_client_token",
      `this is a console session; node tokens begin with client-, ${WHERE}`,
    ],
    notOurs: [
      "invalid_client_token",
      `this is not a node token; they begin with client-, ${WHERE}`,
    ],
    mistyped: [
      "invalid_client_token",
      `the node token is mistyped or incomplete; copy it again, ${WHERE}`,
    ],
    unknown: ["invalid_client_token", `the node token is not known here; ${WHERE}`],
    wrongKind: [
      "wrong_token_kind",
      `this is an API key, which calls models; nodes need a node token, client-…, ${WHERE}`,
    ],
    revoked: ["key_revoked", `the node token was replaced by a newer one; ${WHERE}`],
    expired: ["key_expired", `the node token has expired; ${WHERE}`],
    blocked: ["key_blocked", "the token's account was disabled; ask who runs this gateway"],
  },
};

const action: Readonly<Record<KeyKind, string>> = {
  api: "Cannot accept the API key",
  node: "Cannot connect the node",
};

/** The error for a token that was used as `kind`. */
export function tokenError(kind: KeyKind, reason: Reason): ColinkError {
  const [code, state] = rows[kind][reason];
  return new ColinkError(code, `${action[kind]}: ${state}`);
}

/** Throws for a token whose text alone shows that it cannot be one of that kind: no look-up needed. */
export function checkFormat(token: string, kind: KeyKind): void {
  const reason = formatProblem(token, kind);
  if (reason !== null) throw tokenError(kind, reason);
}

function formatProblem(token: string, kind: KeyKind): Reason | null {
  if (token === "") return "missing";
  const claimed = tokenKind(token);
  if (claimed === null) {
    if (token.startsWith("sk-")) return "foreign";
    return /^eyJ[^.]*\.[^.]*\.[^.]*$/.test(token) ? "session" : "notOurs";
  }
  if (claimed !== kind) return "wrongKind";
  return isWellFormed(token) ? null : "mistyped";
}

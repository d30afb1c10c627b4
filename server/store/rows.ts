/** What the store keeps of accounts, keys and calls. Times are UTC milliseconds. */

import type { Outcome } from "../base/outcome.ts";

export type Role = "user" | "admin";

/** What a bearer token is for: calling models, or connecting a node. */
export type KeyKind = "api" | "node";

export interface AccountRow {
  id: string;
  /** Lower case; unique. */
  email: string;
  passwordHash: string;
  role: Role;
  createdAt: number;
  disabledAt: number | null;
  /** Calls per minute of all its keys together; null: the gateway's default; 0: none. */
  rpm: number | null;
  /** The models that it may call; null: all. */
  models: string[] | null;
  totalApiCalls: number;
  totalProvidedCalls: number;
}

export interface KeyRow {
  id: string;
  accountId: string;
  kind: KeyKind;
  /** HMAC-SHA-256 of the token under a secret kept outside the database, as hex; unique. */
  digest: string;
  /** The token, encrypted for the console's copy button; empty: it was shown once. */
  sealed: string;
  /** Calls per minute within its account's; null: no limit of its own. */
  rpm: number | null;
  /** The models that the key may call; null: all that its account may. */
  models: string[] | null;
  createdAt: number;
  revokedAt: number | null;
  name: string;
  /** The token's beginning and end; null: it is told from what is sealed. */
  hint: string | null;
  /** The id of the first key of those that replaced each other: they share one limit. */
  family: string;
  /** Whether it is the account's token of its kind that the console shows. */
  isDefault: boolean;
  /** Exact to a minute. */
  lastUsedAt: number | null;
  expiresAt: number | null;
  replacedBy: string | null;
}

/** One try of a call on a node, in milliseconds after the call's arrival. */
export interface AttemptEntry {
  /** Public. */
  node: string;
  startMs: number;
  durationMs: number;
  /** `ok`, `refused`, or the code of the failure. */
  end: string;
}

/** One call, written exactly once, when it has ended. */
export interface LedgerEntry {
  /** The request id that the caller, the gateway and the node have in their logs. */
  id: string;
  accountId: string;
  keyId: string;
  /** The account whose node served the call; null if none did. */
  providerAccountId: string | null;
  /** The serving node's public id. */
  nodeId: string | null;
  endpoint: string;
  model: string;
  stream: boolean;
  outcome: Outcome;
  /** What the caller saw; 499 where the caller left first. */
  status: number;
  /** As the upstream told them; null: it did not say. */
  promptTokens: number | null;
  completionTokens: number | null;
  /** Whether the completion's tokens were counted by the gateway instead. */
  estimated: boolean;
  /** Bytes and chunks of answer handed to the caller's socket. */
  deliveredBytes: number;
  deliveredChunks: number;
  /** Chunks of answer that the node sent, delivered or not. */
  producedChunks: number;
  attempts: number;
  queuedMs: number;
  /** From arrival to the first byte of an answer; null: there was none. */
  firstByteMs: number | null;
  durationMs: number;
  startedAt: number;
  /** Why there was no answer, as the code that callers see; null: there was one. */
  cause: string | null;
  /** In order. Empty where one attempt did it: then it lasted from the end of the wait to the end of the call. */
  attemptLog: readonly AttemptEntry[];
}

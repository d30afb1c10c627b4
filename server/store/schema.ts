/** Every table's columns. Times are UTC milliseconds; ids are random and unguessable. */

import type { Budget, GroupBudget, NodeMachine, Route } from "../../api/mod.ts";
import type { Outcome } from "../base/outcome.ts";
import {
  flag,
  foreignText,
  integer,
  json,
  jsonList,
  nullable,
  oneOf,
  rounded,
  type RowOf,
  type StoredOf,
  Table,
  text,
} from "./columns.ts";
import { BUCKETS } from "./histogram.ts";

export type Role = "user" | "admin";

/** What a bearer token is for: calling models, or connecting a node. */
export type KeyKind = "api" | "node";

export const accounts = new Table({
  id: text,
  /** Lower case; unique. */
  email: text,
  passwordHash: text,
  role: oneOf<Role>(),
  createdAt: integer,
  disabledAt: nullable(integer),
  /** Null: the account exists. A deleted account is disabled, too, and has no address and no keys. */
  deletedAt: nullable(integer),
  /** Calls per minute of all its keys together; null: the gateway's default; 0: none. */
  rpm: nullable(integer),
  /** The models that it may call; null: all. */
  models: nullable(json<string[]>()),
  /** What all its keys together may use; null: no budget. */
  budget: nullable(json<Budget>()),
  /** Its weight where slots are scarce, in hundredths; null: as its groups say. */
  weight: nullable(integer),
  totalApiCalls: integer,
  totalProvidedCalls: integer,
});
export type AccountRow = RowOf<typeof accounts>;

export const keys = new Table({
  id: text,
  accountId: text,
  kind: oneOf<KeyKind>(),
  /** HMAC-SHA-256 of the token under a secret kept outside the database, as hex; unique. */
  digest: text,
  /** The token, encrypted for the console's copy button; empty: it was shown once. */
  sealed: text,
  /** Calls per minute within its account's; null: no limit of its own. */
  rpm: nullable(integer),
  /** The models that the key may call; null: all that its account may. */
  models: nullable(json<string[]>()),
  /** What it may use within its account's budget; null: no budget of its own. */
  budget: nullable(json<Budget>()),
  /** Which nodes it may use; null: any that its account may. */
  route: nullable(oneOf<Route>()),
  createdAt: integer,
  revokedAt: nullable(integer),
  name: text,
  /** The token's beginning and end; null: both are read from the sealed token. */
  hint: nullable(text),
  /** The id of the first of the keys that replaced each other: they share one limit. */
  family: text,
  /** Whether it is the account's token of its kind that the console shows. */
  isDefault: flag,
  /** Exact to a minute. */
  lastUsedAt: nullable(integer),
  expiresAt: nullable(integer),
  replacedBy: nullable(text),
});
export type KeyRow = RowOf<typeof keys>;

export const invites = new Table({
  /** Reveals nothing of the code. */
  id: text,
  /** SHA-256 of the code, as hex. */
  digest: text,
  note: text,
  createdAt: integer,
  /** The account that made it; null: the command line did. */
  createdBy: nullable(text),
  expiresAt: integer,
  /** The account that registered with it. */
  usedBy: nullable(text),
  revokedAt: nullable(integer),
});
export type InviteRow = RowOf<typeof invites>;

export const joins = new Table({
  id: text,
  /** HMAC-SHA-256, as hex, of the code that people read: a join code, or the user code of a request. */
  codeDigest: text,
  /** The same of the device code, which the machine that asks keeps; null: a join code. */
  deviceDigest: nullable(text),
  /** The account that made the code, or has decided about the request. */
  accountId: nullable(text),
  /** A join code is approved from its beginning. */
  state: oneOf<"open" | "approved" | "denied" | "used">(),
  /** As the machine that asks calls itself. */
  machine: foreignText,
  /** The network address of the machine that asks; empty for a join code. */
  address: text,
  createdAt: integer,
  expiresAt: integer,
});
export type JoinRow = RowOf<typeof joins>;

export const sessions = new Table({
  id: text,
  accountId: text,
  createdAt: integer,
  lastSeenAt: integer,
  expiresAt: integer,
  address: text,
  userAgent: nullable(text),
  /** The sign-in provider's name of its own session; empty: it gave none; null: begun with a password. */
  providerSid: nullable(foreignText),
});
export type SessionRow = RowOf<typeof sessions>;

export const passwordResets = new Table({
  accountId: text,
  /** SHA-256 of the code, as hex. */
  digest: text,
  expiresAt: integer,
});
export type PasswordResetRow = RowOf<typeof passwordResets>;

export const identities = new Table({
  /** The sign-in provider, and its name of the person. */
  issuer: text,
  subject: foreignText,
  accountId: text,
  createdAt: integer,
  /** What the account has through the provider alone, which may take it away again. */
  given: json<GivenByProvider>(),
  /** The grant with which the provider can be asked again, encrypted; empty: there is none. */
  sealedGrant: text,
  /** When the provider is asked next; null: not before the next sign-in. */
  dueAt: nullable(integer),
  /** When the account was disabled because the provider no longer vouched for it. */
  suspendedAt: nullable(integer),
});
export type IdentityRow = RowOf<typeof identities>;

export interface GivenByProvider {
  /** Ids of groups. */
  groups: string[];
  isAdmin: boolean;
}

export const nodes = new Table({
  /** Public. */
  id: text,
  accountId: text,
  keyId: text,
  /** As the node calls itself. */
  name: foreignText,
  /** As its owner calls it. */
  label: nullable(text),
  agent: nullable(foreignText),
  /** What it reports of its machine; null: nothing, or its gateway's version did not ask. */
  machine: nullable(json<NodeMachine>()),
  models: json<string[]>(),
  maxParallel: integer,
  firstSeenAt: integer,
  lastSeenAt: integer,
  goneAt: nullable(integer),
  goneCode: nullable(text),
  closeCode: nullable(integer),
  pausedAt: nullable(integer),
  /** When the pause ends by itself; null: its owner or an administrator ends it. */
  pausedUntil: nullable(integer),
  /** Connections from before then are being drained. */
  drainedAt: nullable(integer),
  approvedAt: nullable(integer),
  /** Null: as many as a new node has. */
  earnedSlots: nullable(integer),
  /** When something was last decided about it, by the database's clock; 0: never. */
  changedAt: integer,
});
export type NodeRow = RowOf<typeof nodes>;

export const nodeEvents = new Table({
  id: text,
  nodeId: text,
  at: integer,
  kind: text,
  code: nullable(text),
  model: nullable(foreignText),
  detail: nullable(foreignText),
  until: nullable(integer),
});
export type NodeEventRow = RowOf<typeof nodeEvents>;

/** One try of a call on a node, in milliseconds after the call's arrival. */
export interface AttemptEntry {
  /** Public. */
  node: string;
  startMs: number;
  durationMs: number;
  /** `ok`, `refused`, or the code of the failure. */
  end: string;
}

/** What was expected of a node when a call was given away. */
export interface CandidateEntry {
  /** Public. */
  node: string;
  /** Until its first token and its end, in milliseconds since the node would have been sent the call. */
  firstMs: number;
  endMs: number;
  loadMs: number;
  /** Characters of the prompt that the node was expected to hold. */
  heldChars: number;
  freeSlots: number;
  isMeasured: boolean;
}

/** Why a call was given to the node that it ran on last. */
export interface ChoiceEntry {
  /** Of the last attempt. */
  node: string;
  isTrial: boolean;
  /** A few, the soonest first; the node itself is one of them. */
  compared: CandidateEntry[];
}

/** How often callers came back for an answer that was being given, or had been. */
export interface ReplaysEntry {
  count: number;
  /** The last few, the oldest first. */
  last: readonly {
    /** After the call's arrival. */
    atMs: number;
    /** The last event of a stream that the caller had; null: it got the answer from its beginning. */
    afterEvent: number | null;
    /** Whether the call had ended. */
    wasEnded: boolean;
  }[];
}

/** One row a call, written when the call has ended. Callers who come back later change `replays` alone. */
export const ledger = new Table({
  /** The request id that the caller, the gateway and the node have in their logs. */
  id: text,
  accountId: text,
  keyId: text,
  /** The account whose node served the call; null: none did. */
  providerAccountId: nullable(text),
  /** The serving node's public id. */
  nodeId: nullable(text),
  endpoint: foreignText,
  model: foreignText,
  /** The name that the caller asked for, where it was an alias. */
  alias: nullable(foreignText),
  stream: flag,
  outcome: oneOf<Outcome>(),
  /** What the caller saw; 499 where the caller left first. */
  status: integer,
  /** As the upstream counted; null: the upstream did not say. */
  promptTokens: nullable(integer),
  completionTokens: nullable(integer),
  /** Whether the gateway counted the completion's tokens instead. */
  estimated: flag,
  /** Bytes and chunks of answer handed to the caller's socket. */
  deliveredBytes: integer,
  deliveredChunks: integer,
  /** Chunks of answer that the node sent, delivered or not. */
  producedChunks: integer,
  attempts: integer,
  queuedMs: rounded,
  /** From arrival to the first byte of an answer; null: there was none. */
  firstByteMs: nullable(rounded),
  durationMs: rounded,
  startedAt: rounded,
  /** Why there was no answer, as the code that callers see; null: there was one. */
  cause: nullable(text),
  /** In order. Empty where one attempt did it: that lasted from the end of the wait to the end of the call. */
  attemptLog: jsonList<AttemptEntry>(),
  /** How near the node was to the account; null: no node was tried. */
  route: nullable(oneOf<Route>()),
  /** Null: the policy does not say, or there was no other node. */
  choice: nullable(json<ChoiceEntry>()),
  /** Null: no caller came back for it. */
  replays: nullable(json<ReplaysEntry>()),
});
export type LedgerEntry = RowOf<typeof ledger>;

/** What usage adds up. `stream…`: of streams of which both tokens and time are known. */
export const usageSums = new Table({
  calls: integer,
  errors: integer,
  promptTokens: integer,
  completionTokens: integer,
  streamTokens: integer,
  streamMs: integer,
});

/** What a fresh cell counts the calls of. What a call leaves open is the empty string, and bucket -1. */
export const freshKey = new Table({
  accountId: text,
  model: foreignText,
  keyId: text,
  nodeId: text,
  /** The account whose node served. */
  providerId: text,
  /** When the minute begins. */
  at: integer,
  /** Of the histogram of times to first token. */
  bucket: integer,
});
export type FreshCell = StoredOf<typeof freshKey> & StoredOf<typeof usageSums>;

/** What a rollup counts the calls of. What its grain leaves open is the empty string. */
export const usageKey = new Table({
  accountId: text,
  side: integer,
  step: integer,
  grain: integer,
  /** When the step begins. */
  at: integer,
  model: text,
  keyId: text,
  nodeId: text,
});

/** A rollup's counters of times to first token, a column for each bucket. */
export const histogramColumns = Array.from(
  { length: BUCKETS },
  (_, bucket) => `h${bucket}` as const,
);
export type UsageSums = StoredOf<typeof usageSums> & Record<`h${number}`, number>;

/** What a name stands for. */
const names = new Table({
  /** `alias`, `model`: for everybody. `own`: the aliases of one account, by its id. */
  kind: oneOf<"alias" | "model" | "own">(),
  name: foreignText,
  /** JSON. */
  value: text,
});
export type NamedValue = RowOf<typeof names>;

/** Rows are added and never changed. */
export const audit = new Table({
  id: text,
  at: integer,
  actorId: nullable(text),
  /** The actor's e-mail at that time. */
  actor: nullable(text),
  action: text,
  target: nullable(foreignText),
  detail: json<Record<string, string | number | boolean | null>>(),
  address: nullable(text),
});
export type AuditRow = RowOf<typeof audit>;

/** What a node served on a day, by how near the callers are to its owner: never by whom. */
export const lentUsageKey = new Table({
  nodeId: text,
  /** When the UTC day begins. */
  day: integer,
  route: oneOf<Route>(),
});
export const lentUsageSums = new Table({
  calls: integer,
  promptTokens: integer,
  completionTokens: integer,
});

/** What a node reports of itself, added up by day. */
export const lentSumKey = new Table({
  nodeId: text,
  /** When the UTC day begins. */
  day: integer,
  /** See lent.ts. */
  what: foreignText,
});
export const lentSum = new Table({ amount: integer });

/** Groups of accounts. */
export const groups = new Table({
  id: text,
  name: text,
  /** The name in lower case; unique. */
  nameKey: text,
  /** A member's part of what is scarce, in hundredths: 100 is that of an account alone. */
  weight: integer,
  /** Whether members see the nodes that other members own. */
  membersSeeNodes: flag,
  /** What all members together may use; null: no budget. */
  budget: nullable(json<GroupBudget>()),
  createdAt: integer,
});
export type GroupRow = RowOf<typeof groups>;

const groupMembers = new Table({ groupId: text, accountId: text, addedAt: integer });

/** The tables as kysely sees them. */
export interface Schema {
  colink_schema: { version: number };
  accounts: StoredOf<typeof accounts>;
  keys: StoredOf<typeof keys>;
  invites: StoredOf<typeof invites>;
  joins: StoredOf<typeof joins>;
  sessions: StoredOf<typeof sessions>;
  password_resets: StoredOf<typeof passwordResets>;
  identities: StoredOf<typeof identities>;
  nodes: StoredOf<typeof nodes>;
  node_events: StoredOf<typeof nodeEvents>;
  ledger: StoredOf<typeof ledger>;
  usage: StoredOf<typeof usageKey> & UsageSums;
  usage_fresh: FreshCell;
  names: StoredOf<typeof names>;
  /** What administrators have set, as JSON. */
  settings: { name: string; value: string };
  audit: StoredOf<typeof audit>;
  lent_usage: StoredOf<typeof lentUsageKey> & StoredOf<typeof lentUsageSums>;
  lent_sums: StoredOf<typeof lentSumKey> & StoredOf<typeof lentSum>;
  account_groups: StoredOf<typeof groups>;
  group_members: StoredOf<typeof groupMembers>;
  shared_items: { name: string; value: string; expires_at: number };
  /** Models that were offered once. */
  known_models: { name: string; seen_at: number };
}

/** An account's calls as it may see them: those it made, and those that its nodes served for others. */

import type { AttemptView, CallFilter, CallPage, CallView, Side } from "../../api/mod.ts";
import { ColinkError } from "../base/error.ts";
import { type Outcome, outcomes } from "../base/outcome.ts";
import type { AttemptEntry, LedgerEntry, Store } from "../store/store.ts";
import { cursorOf, positionOf } from "./cursor.ts";

const DEFAULT_LIMIT = 50;

const failures = (Object.keys(outcomes) as Outcome[]).filter((one) => outcomes[one].failed);

/** What people call keys and nodes, by id. */
export interface Names {
  keys: ReadonlyMap<string, string>;
  nodes: ReadonlyMap<string, string>;
  /** The account's own nodes. */
  own: ReadonlySet<string>;
}

export type HistoryStore = Pick<Store, "calls" | "keys" | "nodes">;

/** Every method throws `store_unavailable` while the database is away. */
export class CallHistory {
  constructor(private readonly store: HistoryStore) {}

  /** LruCache first. Throws `invalid_request` for a cursor that is none. */
  async page(accountId: string, filter: CallFilter): Promise<CallPage> {
    const { side = "made", limit = DEFAULT_LIMIT, outcome } = filter;
    const after = positionOf(filter.cursor);
    const { calls, end } = await this.store.calls.page({
      accountId,
      side,
      limit,
      ...defined({
        from: filter.from,
        to: filter.to,
        // Whose calls a node serves, its owner cannot find out by asking for keys either.
        keyId: side === "made" ? filter.key : undefined,
        model: filter.model,
        nodeId: filter.node,
        endpoint: filter.endpoint,
        status: filter.status,
        outcomes: outcome === undefined ? undefined : outcome === "failed" ? failures : [outcome],
        after: after === undefined ? undefined : { startedAt: after.at, id: after.id },
      }),
    });
    const names = await this.#names(accountId, calls);
    return {
      calls: calls.map((entry) => callView(entry, side, names)),
      next_cursor: end === null ? null : cursorOf({ at: end.startedAt, id: end.id }),
      looked_to: end?.startedAt ?? null,
    };
  }

  /** One call that the account made or provided, and made first. Throws `not_found`. */
  async find(accountId: string, id: string): Promise<CallView> {
    const entry = await this.store.calls.find(accountId, id);
    if (entry === null) {
      throw new ColinkError("not_found", "Cannot show the call: this account has none of that id");
    }
    const names = await this.#names(accountId, [entry]);
    return callView(entry, entry.accountId === accountId ? "made" : "provided", names);
  }

  async #names(accountId: string, entries: readonly LedgerEntry[]): Promise<Names> {
    const ids = entries.flatMap((entry) => [
      ...entry.nodeId === null ? [] : [entry.nodeId],
      ...entry.attemptLog.map(({ node }) => node),
    ]);
    const [keys, nodes] = await Promise.all([
      this.store.keys.names(accountId),
      this.store.nodes.known([...new Set(ids)]),
    ]);
    return {
      keys,
      nodes: new Map(nodes.map(({ id, name, label }) => [id, label ?? name])),
      own: new Set(nodes.filter((node) => node.accountId === accountId).map(({ id }) => id)),
    };
  }
}

/** A call as one of its two sides sees it. */
export function callView(entry: LedgerEntry, side: Side, names: Names): CallView {
  const isMade = side === "made";
  const attempts = attemptsOf(entry).filter(({ node }) => isMade || names.own.has(node));
  return {
    id: entry.id,
    side,
    started_at: entry.startedAt,
    endpoint: entry.endpoint,
    model: entry.model,
    stream: entry.stream,
    outcome: entry.outcome,
    status: entry.status,
    cause: entry.cause,
    key_id: isMade ? entry.keyId : null,
    key_name: isMade ? names.keys.get(entry.keyId) ?? null : null,
    node: entry.nodeId,
    node_name: entry.nodeId === null ? null : names.nodes.get(entry.nodeId) ?? null,
    prompt_tokens: entry.promptTokens,
    completion_tokens: entry.completionTokens,
    estimated: entry.estimated,
    delivered_bytes: entry.deliveredBytes,
    queued_ms: entry.queuedMs,
    first_byte_ms: entry.firstByteMs,
    duration_ms: entry.durationMs,
    attempts: attempts.map((attempt) => attemptView(attempt, names)),
  };
}

/** One attempt that did it is not written down. */
function attemptsOf(entry: LedgerEntry): readonly AttemptEntry[] {
  if (entry.attemptLog.length > 0 || entry.nodeId === null) return entry.attemptLog;
  const { nodeId: node, queuedMs: startMs, durationMs, outcome } = entry;
  const end = outcome === "ok" ? "ok" : entry.cause ?? outcome;
  return [{ node, startMs, durationMs: Math.max(0, durationMs - startMs), end }];
}

function attemptView({ node, startMs, durationMs, end }: AttemptEntry, names: Names): AttemptView {
  return {
    node,
    node_name: names.nodes.get(node) ?? null,
    start_ms: startMs,
    duration_ms: durationMs,
    end,
  };
}

/** Without the members that are undefined. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

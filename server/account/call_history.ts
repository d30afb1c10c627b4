/** An account's calls as it may see them: the calls that it made, and the calls that its nodes served. */

import type {
  AttemptView,
  CallDetail,
  CallFilter,
  CallPage,
  CallView,
  ChoiceView,
  ReplaysView,
  Side,
} from "../../api/mod.ts";
import { defined } from "../base/defined.ts";
import { ColinkError } from "../base/error.ts";
import { type Outcome, outcomes } from "../base/outcome.ts";
import type { AttemptEntry, LedgerEntry, ReplaysEntry, Store } from "../store/store.ts";
import { cursorOf, followingOf, NOTHING_FOLLOWS, positionOf } from "./cursor.ts";

const DEFAULT_LIMIT = 50;

/** The outcomes that the filter `failed` selects. */
const failures = (Object.keys(outcomes) as Outcome[]).filter((one) => outcomes[one].failed);

/** Names of keys and nodes, by id. */
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

  /** Newest first. Throws `invalid_request` for an invalid cursor. */
  async page(accountId: string, filter: CallFilter): Promise<CallPage> {
    const { side = "made", limit = DEFAULT_LIMIT, outcome } = filter;
    const after = positionOf(filter.cursor);
    const query = defined({
      accountId,
      side,
      limit,
      from: filter.from,
      to: filter.to,
      // A node's owner must not learn, by filtering for keys, which account made a call.
      keyId: side === "made" ? filter.key : undefined,
      model: filter.model,
      nodeId: filter.node,
      endpoint: filter.endpoint,
      status: filter.status,
      outcomes: outcome === "failed" ? failures : outcome && [outcome],
      after: after && { startedAt: after.at, id: after.id },
    });
    const { calls, end } = await this.store.calls.page(query);
    const following = end === null
      ? NOTHING_FOLLOWS
      : await followingOf((limit) => this.store.calls.count({ ...query, after: end, limit }));
    const names = await this.#names(accountId, calls);
    return {
      calls: calls.map((entry) => callView(entry, side, names)),
      next_cursor: cursorOf(end && { at: end.startedAt, id: end.id }),
      following,
      looked_to: end?.startedAt ?? null,
    };
  }

  /**
   * One call that the account made or provided; where it did both, as the side that made it.
   * `visible` returns those of the nodes, by public id, that the account may see now. Throws
   * `not_found`.
   */
  async find(
    accountId: string,
    id: string,
    visible: (nodeIds: ReadonlySet<string>) => ReadonlySet<string>,
  ): Promise<CallDetail> {
    const entry = await this.store.calls.find(accountId, id);
    if (entry === null) {
      throw new ColinkError("not_found", "Cannot show the call: this account has none of that id");
    }
    const names = await this.#names(accountId, [entry]);
    const side = entry.accountId === accountId ? "made" : "provided";
    const compared = entry.choice?.compared.map(({ node }) => node) ?? [];
    const seen = visible(new Set(compared));
    return { ...callView(entry, side, names), choice: choiceView(entry, side, names, seen) };
  }

  async #names(accountId: string, entries: readonly LedgerEntry[]): Promise<Names> {
    const ids = entries.flatMap((entry) => [
      ...entry.nodeId === null ? [] : [entry.nodeId],
      ...entry.attemptLog.map(({ node }) => node),
      ...entry.choice?.compared.map(({ node }) => node) ?? [],
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
    // What an account calls its models is none of a node owner's business.
    alias: isMade ? entry.alias : null,
    stream: entry.stream,
    outcome: entry.outcome,
    status: entry.status,
    cause: entry.cause,
    key_id: isMade ? entry.keyId : null,
    key_name: isMade ? names.keys.get(entry.keyId) ?? null : null,
    node: entry.nodeId,
    node_name: entry.nodeId === null ? null : names.nodes.get(entry.nodeId) ?? null,
    route: entry.route,
    prompt_tokens: entry.promptTokens,
    completion_tokens: entry.completionTokens,
    estimated: entry.estimated,
    delivered_bytes: entry.deliveredBytes,
    queued_ms: entry.queuedMs,
    first_byte_ms: entry.firstByteMs,
    duration_ms: entry.durationMs,
    attempts: attempts.map((attempt) => attemptView(attempt, names)),
    replays: isMade && entry.replays !== null ? replaysView(entry.replays) : null,
  };
}

/** The ledger keeps no attempt log for a call that its first attempt served: that attempt is derived from the call. */
function attemptsOf(entry: LedgerEntry): readonly AttemptEntry[] {
  if (entry.attemptLog.length > 0 || entry.nodeId === null) return entry.attemptLog;
  const { nodeId: node, queuedMs: startMs, durationMs, outcome } = entry;
  const end = outcome === "ok" ? "ok" : entry.cause ?? outcome;
  return [{ node, startMs, durationMs: Math.max(0, durationMs - startMs), end }];
}

/**
 * A node that was only compared shows while the account may see it; the caller knows the nodes that
 * tried its call, and an owner its own, in any case.
 */
export function choiceView(
  entry: LedgerEntry,
  side: Side,
  names: Names,
  visible: ReadonlySet<string>,
): ChoiceView | null {
  const { choice, firstByteMs, outcome } = entry;
  if (choice === null) return null;
  const { startMs, durationMs } = attemptsOf(entry).at(-1) ?? { startMs: 0, durationMs: 0 };
  const shown = choice.compared.filter(({ node }) => side === "made" || names.own.has(node));
  const isKnown = (node: string) =>
    node === choice.node || names.own.has(node) || visible.has(node);
  return {
    trial: choice.isTrial,
    // An attempt before may have given the first piece.
    real_first_ms: firstByteMs === null || firstByteMs < startMs ? null : firstByteMs - startMs,
    real_end_ms: outcome === "ok" ? durationMs : null,
    candidates: shown.map((candidate) => {
      const { node, firstMs, endMs, loadMs, heldChars, freeSlots, isMeasured } = candidate;
      return {
        node: isKnown(node) ? node : null,
        node_name: isKnown(node) ? names.nodes.get(node) ?? null : null,
        chosen: node === choice.node,
        expected_first_ms: firstMs,
        expected_end_ms: endMs,
        load_ms: loadMs,
        held_chars: heldChars,
        free_slots: freeSlots,
        measured: isMeasured,
      };
    }),
  };
}

function replaysView({ count, last }: ReplaysEntry): ReplaysView {
  return {
    count,
    last: last.map(({ atMs, afterEvent, wasEnded }) => ({
      at_ms: atMs,
      after_event: afterEvent,
      was_ended: wasEnded,
    })),
  };
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

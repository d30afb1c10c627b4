/**
 * The listed nodes: connected ones, disconnected ones, the user's own offline ones, and all of them
 * for an administrator.
 */

import type {
  AdminNodeView,
  NodeGone,
  NodeState,
  NodeView,
  OwnNodeView,
} from "../../../api/mod.ts";
import type { Nodes } from "../../state/nodes.ts";
import { matches } from "../../state/words.ts";

export interface ListedNode {
  id: string;
  name: string;
  isMine: boolean;
  /** Null: not connected. */
  live: NodeView | null;
  /** How the connection ended, where known. */
  gone: NodeGone | null;
  models: readonly string[];
  agent: string | null;
  lastSeenMs: number | null;
  /** The owner's e-mail, where an administrator looks. */
  owner: string | null;
  /** Tells nodes of the same name apart; null: no other has its name. */
  mark: string | null;
}

export type ListedState = NodeState | "away";

/** The filters of the page. */
export const views = ["all", "working", "attention", "mine"] as const;
export type View = typeof views[number];

export function stateOf({ live }: ListedNode): ListedState {
  return live?.state ?? "away";
}

/** How the page can be sorted; `trouble`: what needs attention first, then by name. */
export const sorts = ["trouble", "name", "load", "version"] as const;
export type Sort = typeof sorts[number];

/** `all`: of an administrator, the nodes of all accounts. */
export function listed(
  { connected, gone }: Nodes,
  own: readonly OwnNodeView[],
  all: readonly AdminNodeView[] = [],
): ListedNode[] {
  const owners = new Map(all.map(({ id, owner_email }) => [id, owner_email]));
  const here = (connected ?? []).map((node) => present(node));
  const went = gone.map(({ last, gone }) => ({ ...present(last), live: null, gone }));
  const known = new Set([...here, ...went].map(({ id }) => id));
  const away = own.filter(({ id }) => !known.has(id)).map(absent);
  for (const { id } of away) known.add(id);
  const others = all.filter(({ id, connected }) => !connected && !known.has(id)).map(elsewhere);
  const nodes = [...here, ...went, ...away, ...others];
  const names = Map.groupBy(nodes, ({ name }) => name);
  return nodes.map((node) => ({
    ...node,
    owner: owners.get(node.id) ?? node.owner,
    mark: names.get(node.name)!.length > 1 ? markOf(node.id) : null,
  }));
}

/** The end of an id, which is random. */
function markOf(id: string): string {
  return id.slice(-MARK_CHARS);
}

const MARK_CHARS = 4;

/** Sorted as asked; nodes of the same rank keep their place by their names. */
export function sorted(nodes: readonly ListedNode[], sort: Sort): ListedNode[] {
  const rank = ranks[sort];
  return nodes.map((node) => ({ node, at: rank(node) }))
    .sort((a, b) => compare(a.at, b.at) || byName(a.node, b.node))
    .map(({ node }) => node);
}

const ranks: Readonly<Record<Sort, (node: ListedNode) => number | string>> = {
  trouble: (node) => {
    const { live, gone } = node;
    if (gone !== null && live === null && vanished.has(gone.code)) return 3;
    return troubles[stateOf(node)] ?? (live?.penalties.length ? 2 : 4);
  },
  name: () => 0,
  load: ({ live }) => live === null ? 1 : -live.active_tasks / Math.max(1, live.max_parallel),
  version: ({ agent }) => agent ?? "\uffff",
};

/** How a connection ends that nobody wanted to end. */
const vanished: ReadonlySet<NodeGone["code"]> = new Set(["lost", "silent", "protocol", "revoked"]);

/** Lower comes first. Ready and busy nodes keep their place whatever they do. */
const troubles: Partial<Record<ListedState, number>> = {
  unapproved: 0,
  penalized: 1,
  probing: 2,
  reconnecting: 2,
  paused: 5,
  draining: 5,
  away: 6,
};

function compare(a: number | string, b: number | string): number {
  return typeof a === "number" && typeof b === "number"
    ? a - b
    : collator.compare(String(a), String(b));
}

const DAY_MS = 24 * 60 * 60_000;

/** Whether it has been away for more than a day. `nowMs` is the gateway's time. */
export function isLongAway({ live, gone, lastSeenMs }: ListedNode, nowMs: number): boolean {
  const sinceMs = gone?.at ?? lastSeenMs;
  return live === null && sinceMs !== null && nowMs - sinceMs > DAY_MS;
}

function present(node: NodeView): ListedNode {
  const { id, name, mine, supported_models, agent } = node;
  const live = node;
  return {
    id,
    name,
    isMine: mine,
    live,
    gone: null,
    models: supported_models,
    agent,
    lastSeenMs: null,
    owner: null,
    mark: null,
  };
}

function absent({ id, name, models, agent, gone, last_seen_at }: OwnNodeView): ListedNode {
  return {
    id,
    name,
    isMine: true,
    live: null,
    gone,
    models,
    agent,
    lastSeenMs: last_seen_at,
    owner: null,
    mark: null,
  };
}

function elsewhere({ id, name, models, owner_email, last_seen_at }: AdminNodeView): ListedNode {
  return {
    id,
    name,
    isMine: false,
    live: null,
    gone: null,
    models,
    agent: null,
    lastSeenMs: last_seen_at,
    owner: owner_email,
    mark: null,
  };
}

const healthy: ReadonlySet<ListedState> = new Set(["ready", "busy"]);

/** The nodes of the view whose name, models, owner or version contain every word of `query`. */
export function narrowed(nodes: readonly ListedNode[], view: View, query: string): ListedNode[] {
  return nodes.filter((node) => isIn(node, view) && matches(query, textOf(node)));
}

function textOf({ id, name, models, owner, agent }: ListedNode): string {
  return [name, id, owner ?? "", agent ?? "", ...models].join("\n");
}

function isIn(node: ListedNode, view: View): boolean {
  if (view === "all") return true;
  if (view === "mine") return node.isMine;
  const isWell = healthy.has(stateOf(node)) && node.live?.penalties.length === 0;
  return isWell === (view === "working");
}

const collator = new Intl.Collator(undefined, { numeric: true });

function byName(a: ListedNode, b: ListedNode): number {
  return collator.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
}

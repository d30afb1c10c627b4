/**
 * The listed nodes: connected ones, disconnected ones, the user's own offline ones, and all of them
 * for an administrator.
 */

import type {
  AdminNodeView,
  NodeGone,
  NodeMachine,
  NodeSpeed,
  NodeState,
  NodeView,
  OwnNodeView,
} from "../../../api/mod.ts";
import type { Nodes } from "../../state/nodes.ts";
import { matches } from "../../state/words.ts";
import { gpusOf, systemOf } from "./machine.ts";

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
  /** Null: it tells nothing, or not to this user. */
  machine: NodeMachine | null;
  /** How fast it was in the last day; null: it was not called, or is away. */
  speed: NodeSpeed | null;
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
export const sorts = ["trouble", "name", "models", "speed", "load", "version"] as const;
export type Sort = typeof sorts[number];

export interface Order {
  by: Sort;
  /** Against the usual direction, which begins with trouble, A, and the most. */
  isReversed: boolean;
}

/** The order that an address names: `name`, and reversed `-name`. */
export function orderIn(text: string): Order {
  const name = text.replace(/^-/, "");
  const by = sorts.find((one) => one === name);
  return { by: by ?? "trouble", isReversed: by !== undefined && name !== text };
}

/** As `orderIn` reads it; empty: what the page shows unasked. */
export function orderText({ by, isReversed }: Order): string {
  return isReversed ? `-${by}` : by === "trouble" ? "" : by;
}

/** `all`: of an administrator, the nodes of all accounts. */
export function listed(
  { connected, gone }: Nodes,
  own: readonly OwnNodeView[],
  all: readonly AdminNodeView[] = [],
  speeds: readonly NodeSpeed[] = [],
): ListedNode[] {
  const speedOf = new Map(speeds.map((speed) => [speed.id, speed]));
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
    speed: node.live === null ? null : speedOf.get(node.id) ?? null,
    mark: names.get(node.name)!.length > 1 ? markOf(node.id) : null,
  }));
}

/** The end of an id, which is random. */
function markOf(id: string): string {
  return id.slice(-MARK_CHARS);
}

const MARK_CHARS = 4;

/** Sorted as asked; nodes of the same rank are sorted by their names, in either direction. */
export function sorted(nodes: readonly ListedNode[], order: Order): ListedNode[] {
  const rank = ranks[order.by];
  const sign = order.isReversed ? -1 : 1;
  return nodes.map((node) => ({ node, at: rank(node) }))
    .sort((a, b) => unknownLast(a.at, b.at) || sign * compare(a.at, b.at) || byName(a.node, b.node))
    .map(({ node }) => node);
}

/** What is sorted by; null: it is not known, and stands at the end. */
type Rank = number | string | null;

function unknownLast(a: Rank, b: Rank): number {
  return Number(a === null) - Number(b === null);
}

const ranks: Readonly<Record<Sort, (node: ListedNode) => Rank>> = {
  trouble: (node) => {
    const { live, gone } = node;
    if (gone !== null && live === null && vanished.has(gone.code)) return 3;
    return troubles[stateOf(node)] ?? (live?.penalties.length ? 2 : 4);
  },
  name: ({ name }) => name,
  models: ({ models }) => -models.length,
  speed: ({ speed }) => speed?.tokens_per_second ? -speed.tokens_per_second : null,
  load: ({ live }) => live && -live.active_tasks / Math.max(1, live.max_parallel),
  version: ({ agent }) => agent,
};

/** How a connection ends without an intended end. */
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

function compare(a: Rank, b: Rank): number {
  return typeof a === "number" && typeof b === "number"
    ? a - b
    : collator.compare(String(a ?? ""), String(b ?? ""));
}

const DAY_MS = 24 * 60 * 60_000;

/** Whether it has been away for more than a day. `nowMs` is the gateway's time. */
export function isLongAway({ live, gone, lastSeenMs }: ListedNode, nowMs: number): boolean {
  const sinceMs = gone?.at ?? lastSeenMs;
  return live === null && sinceMs !== null && nowMs - sinceMs > DAY_MS;
}

function present(node: NodeView): ListedNode {
  const { id, name, mine, supported_models, agent, machine } = node;
  const live = node;
  return {
    id,
    name,
    isMine: mine,
    live,
    gone: null,
    models: supported_models,
    agent,
    machine,
    speed: null,
    lastSeenMs: null,
    owner: null,
    mark: null,
  };
}

function absent({ id, name, models, agent, machine, gone, last_seen_at }: OwnNodeView): ListedNode {
  return {
    id,
    name,
    isMine: true,
    live: null,
    gone,
    models,
    agent,
    machine,
    speed: null,
    lastSeenMs: last_seen_at,
    owner: null,
    mark: null,
  };
}

function elsewhere(
  { id, name, models, agent, machine, owner_email, last_seen_at }: AdminNodeView,
): ListedNode {
  return {
    id,
    name,
    isMine: false,
    live: null,
    gone: null,
    models,
    agent,
    machine,
    speed: null,
    lastSeenMs: last_seen_at,
    owner: owner_email,
    mark: null,
  };
}

const healthy: ReadonlySet<ListedState> = new Set(["ready", "busy"]);

/** The nodes of the view whose name, models, owner, version or machine contain every word of `query`. */
export function narrowed(nodes: readonly ListedNode[], view: View, query: string): ListedNode[] {
  return nodes.filter((node) => isIn(node, view) && matches(query, textOf(node)));
}

function textOf({ id, name, models, owner, agent, machine }: ListedNode): string {
  const parts = machine ? [systemOf(machine) ?? "", ...gpusOf(machine)] : [];
  return [name, id, owner ?? "", agent ?? "", ...models, ...parts].join("\n");
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

/** The listed nodes: connected ones, disconnected ones, and the user's own offline ones. */

import type { NodeGone, NodeState, NodeView, OwnNodeView } from "../../../api/mod.ts";
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
}

export type ListedState = NodeState | "away";

/** The filters of the page. */
export const views = ["all", "working", "attention", "mine"] as const;
export type View = typeof views[number];

export function stateOf({ live }: ListedNode): ListedState {
  return live?.state ?? "away";
}

/** Sorted by name, so that nodes keep their place on the page. */
export function listed({ connected, gone }: Nodes, own: readonly OwnNodeView[]): ListedNode[] {
  const here = (connected ?? []).map((node) => present(node));
  const went = gone.map(({ last, gone }) => ({ ...present(last), live: null, gone }));
  const known = new Set([...here, ...went].map(({ id }) => id));
  const away = own.filter(({ id }) => !known.has(id)).map(absent);
  return [...here, ...went, ...away].sort(byName);
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
  };
}

function absent({ id, name, models, agent, gone, last_seen_at }: OwnNodeView): ListedNode {
  return { id, name, isMine: true, live: null, gone, models, agent, lastSeenMs: last_seen_at };
}

const healthy: ReadonlySet<ListedState> = new Set(["ready", "busy"]);

/** The nodes of the view whose name or models contain every word of `query`. */
export function narrowed(nodes: readonly ListedNode[], view: View, query: string): ListedNode[] {
  return nodes.filter((node) =>
    isIn(node, view) && matches(query, [node.name, ...node.models].join("\n"))
  );
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

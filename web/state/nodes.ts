/** The connected nodes, and those that disconnected while the page was open: from the feed, or polled. */

import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { NodeGone, NodeView } from "../../api/mod.ts";
import { api, type ApiError } from "../api.ts";
import { isFed, useFeed } from "./feed.ts";
import { useLive } from "./live.ts";

/** Poll interval without the feed. */
const REFRESH_MS = 2000;
/** Poll interval with the feed: only a safety net for events that were missed. */
const REFRESH_FED_MS = 60_000;

/** A node that disconnected while the page was open. */
interface GoneNode {
  last: NodeView;
  gone: NodeGone;
}

export interface Nodes {
  /** Null until the first answer. */
  connected: readonly NodeView[] | null;
  gone: readonly GoneNode[];
  error: ApiError | null;
}

export function useNodes(): ReadonlySignal<Nodes> {
  const nodes = useSignal<Nodes>({ connected: null, gone: [], error: null });
  const polled = useLive(api.nodes, isFed.value ? REFRESH_FED_MS : REFRESH_MS).value;

  const update = (change: (nodes: Nodes) => Nodes) => nodes.value = change(nodes.peek());
  useEffect(() => {
    const { data, error } = polled;
    if (error) update((now) => ({ ...now, error }));
    else if (data) update((now) => withAll(now, data.nodes));
  }, [polled]);
  useFeed("snapshot", ({ nodes: all }) => all && update((now) => withAll(now, all)));
  useFeed("node", (node) => update((now) => withOne(now, node)));
  useFeed("node_gone", ({ id, gone }) => update((now) => without(now, id, gone)));
  useFeed("load", (load) => update((now) => ({ ...now, connected: loaded(now.connected, load) })));
  return nodes;
}

function withAll(now: Nodes, connected: readonly NodeView[]): Nodes {
  const ids = new Set(connected.map(({ id }) => id));
  return { connected, gone: now.gone.filter(({ last }) => !ids.has(last.id)), error: null };
}

function withOne({ connected, gone }: Nodes, node: NodeView): Nodes {
  const others = (connected ?? []).filter(({ id }) => id !== node.id);
  return {
    connected: [...others, node],
    gone: gone.filter(({ last }) => last.id !== node.id),
    error: null,
  };
}

function without({ connected, gone }: Nodes, id: string, how: NodeGone): Nodes {
  const last = connected?.find((node) => node.id === id);
  return {
    connected: connected?.filter((node) => node.id !== id) ?? null,
    gone: last ? [...gone.filter((one) => one.last.id !== id), { last, gone: how }] : gone,
    error: null,
  };
}

function loaded(
  connected: readonly NodeView[] | null,
  load: Record<string, number>,
): readonly NodeView[] | null {
  return connected?.map((node) => {
    const active = load[node.id];
    return active === undefined ? node : { ...node, active_tasks: active };
  }) ?? null;
}

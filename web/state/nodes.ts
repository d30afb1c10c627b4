/** The nodes that are connected now, and how those that went away meanwhile did: told by the feed, else asked for. */

import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { NodeGone, NodeView } from "../../api/mod.ts";
import { api, type ApiError } from "../api.ts";
import { isFed, useFeed } from "./feed.ts";
import { useLive } from "./live.ts";

/** Without the feed. */
const REFRESH_MS = 2000;
/** With it, once would do; this mends what may have been missed. */
const REFRESH_FED_MS = 60_000;

/** A node that was here while the page was open. */
export interface GoneNode {
  last: NodeView;
  gone: NodeGone;
}

export interface Nodes {
  /** Null while that is not known. */
  connected: readonly NodeView[] | null;
  gone: readonly GoneNode[];
  error: ApiError | null;
}

export function useNodes(): ReadonlySignal<Nodes> {
  const nodes = useSignal<Nodes>({ connected: null, gone: [], error: null });
  const asked = useLive(api.nodes, isFed.value ? REFRESH_FED_MS : REFRESH_MS).value;

  const move = (change: (nodes: Nodes) => Nodes) => nodes.value = change(nodes.peek());
  useEffect(() => {
    const { data, error } = asked;
    if (error) move((now) => ({ ...now, error }));
    else if (data) move((now) => withAll(now, data.nodes));
  }, [asked]);
  useFeed("snapshot", (told) => told.nodes && move((now) => withAll(now, told.nodes ?? [])));
  useFeed("node", (node) => move((now) => withOne(now, node)));
  useFeed("node_gone", ({ id, gone }) => move((now) => without(now, id, gone)));
  useFeed("load", (load) => move((now) => ({ ...now, connected: loaded(now.connected, load) })));
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

/** A made-up crowd of nodes: every state that a node can be in, and names that do not fit. */

import type { NodeSpeed, NodeView, OwnNodeView } from "../../api/mod.ts";

const MINUTE_MS = 60_000;
const GIB = 2 ** 30;
const KEY_REFUSED = "the node's provider refused the node's own key";

/** As the gateway would list them at `nowMs`. */
export function crowd(nowMs: number): NodeView[] {
  const node = (changes: Partial<NodeView> & { name: string }): NodeView => ({
    id: changes.name,
    max_parallel: 2,
    active_tasks: 0,
    supported_models: ["llama3.2"],
    state: "ready",
    penalties: [],
    penalized: false,
    penalty_reason: null,
    penalized_until: null,
    draining: false,
    pause_reason: null,
    pause_message: null,
    paused_until: null,
    reconnecting_until: null,
    connected_at: nowMs - 3 * MINUTE_MS,
    agent: "co-link/0.1.0",
    machine: null,
    mine: false,
    share_with: null,
    share: null,
    ...changes,
  });
  const penalty = (model: string | null, code: string, reason: string, leftMs: number) => ({
    model,
    code,
    reason,
    until: nowMs + leftMs,
  });
  return [
    node({
      name: "studio-pc",
      active_tasks: 1,
      max_parallel: 4,
      mine: true,
      share_with: ["everyone"],
      machine: {
        os: "Ubuntu 24.04.1 LTS",
        arch: "x64",
        gpus: [{ name: "NVIDIA GeForce RTX 4090", memory_bytes: 24 * GIB }],
        policy: {
          hours: "mon-fri 19:00-07:00; sat-sun",
          idle: "10m",
          gpu_memory_free: "4GiB",
          tokens_per_day: "2M",
          yield: "move",
        },
      },
    }),
    node({
      name: "lab-rack-3",
      active_tasks: 17,
      max_parallel: 40,
      supported_models: [
        "Qwen/Qwen3-8B",
        "deepseek-r1:32b",
        "gemma3:27b",
        "llama3.2",
        "nomic-embed-text",
        "phi4",
        "qwq",
      ],
      penalties: [
        penalty("gemma3:27b", "upstream_error", "the node's model server failed", 4 * MINUTE_MS),
      ],
      connected_at: nowMs - 26 * 60 * MINUTE_MS,
    }),
    node({ name: "old-laptop", state: "busy", active_tasks: 1, max_parallel: 1, agent: null }),
    node({
      name: "node-with-a-name-that-somebody-made-far-too-long-for-any-table",
      supported_models: ["organisation/a-model-with-a-very-long-name-instruct-awq-int4"],
    }),
    node({
      name: "cloud-key",
      mine: true,
      share_with: ["group:lab"],
      machine: {
        os: "macOS 15.1",
        arch: "arm64",
        gpus: [{ name: "Apple M2 Max", memory_bytes: 64 * GIB }],
        policy: {},
      },
      supported_models: ["gpt-5-mini"],
      state: "penalized",
      penalties: [penalty("gpt-5-mini", "upstream_auth", KEY_REFUSED, MINUTE_MS)],
      penalized: true,
      penalty_reason: KEY_REFUSED,
      penalized_until: nowMs + MINUTE_MS,
    }),
    node({
      name: "attic",
      state: "probing",
      penalties: [penalty(null, "node_lost", "the node's connection was lost", -MINUTE_MS)],
    }),
    node({
      name: "nas",
      state: "draining",
      draining: true,
      active_tasks: 1,
      supported_models: [],
    }),
  ];
}

/** The reader's own of `nodes`, and one that is away. */
export function ownNodes(nodes: readonly NodeView[], nowMs: number): OwnNodeView[] {
  return [
    ...nodes.filter(({ mine }) => mine).map((live) => ownNode(live, nowMs)),
    {
      ...ownNode(null, nowMs),
      last_seen_at: nowMs - 47 * MINUTE_MS,
      gone: { at: nowMs - 47 * MINUTE_MS, code: "lost", close_code: 1006 },
    },
  ];
}

/** As its owner sees a node that has been there for long; the one that is away without `live`. */
export function ownNode(live: NodeView | null, nowMs: number): OwnNodeView {
  return {
    id: live?.id ?? "garage",
    name: live?.name ?? "garage",
    label: null,
    live,
    models: live?.supported_models ?? ["phi4"],
    max_parallel: live?.max_parallel ?? 1,
    agent: "co-link/0.1.0",
    machine: live?.machine ?? null,
    first_seen_at: nowMs - 90 * 24 * 60 * MINUTE_MS,
    last_seen_at: nowMs,
    gone: null,
    paused_at: null,
    paused_until: null,
    approved_at: null,
    key_id: "key-1",
  };
}

/** How fast those of the nodes were that were called. */
export function speeds(nodes: readonly NodeView[]): NodeSpeed[] {
  const rates = [41, 63, 12, 118, null, 28, 7];
  return nodes.map(({ id }, i) => ({
    id,
    first_token_p50_ms: 400 + 70 * i,
    tokens_per_second: rates[i % rates.length]!,
  }));
}

/** More than one looks through: of every state, owner and kind of machine. */
export function manyNodes(nowMs: number): NodeView[] {
  const few = crowd(nowMs);
  const machines = few.flatMap(({ machine }) => machine ?? []);
  return Array.from({ length: 120 }, (_, i) => {
    const one = few[i % few.length]!;
    const name = i % 30 === 0 ? one.name : `${one.name}-${i + 1}`;
    return { ...one, id: `node_${i}`, name, machine: machines[i % machines.length]! };
  });
}

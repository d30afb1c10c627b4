/** The made-up crowd's models, and one of its nodes in full. */

import type { LentDayView, ModelView, NodeDetail, NodeEvent, NodeView } from "../../api/mod.ts";
import { ownNode } from "./crowd.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** As the gateway would list them. */
export function models(nodes: readonly NodeView[]): ModelView[] {
  const names = [...new Set(nodes.flatMap((node) => node.supported_models))].sort();
  return names.map((id) => {
    const servers = nodes.filter((node) => node.supported_models.includes(id));
    const able = servers.filter(({ state }) => ["ready", "busy", "probing"].includes(state));
    const slots = able.reduce((sum, node) => sum + node.max_parallel, 0);
    const free = able.reduce((sum, node) => sum + node.max_parallel - node.active_tasks, 0);
    const isVision = /gemma|gpt/.test(id);
    return {
      id,
      state: slots === 0 ? "unavailable" : free > 0 ? "ready" : "busy",
      slots,
      free_slots: free,
      waiting: id === "llama3.2" ? 3 : 0,
      capabilities: {
        endpoints: id.includes("embed")
          ? ["/v1/embeddings"]
          : ["/v1/chat/completions", "/v1/responses", "/v1/messages"],
        context_length: isVision ? 128_000 : 32_768,
        max_output_tokens: null,
        tools: /llama|gpt|Qwen/.test(id),
        vision: isVision,
        thinking: /gpt|Qwen/.test(id),
        loaded: slots > 0,
      },
      first_token_p50_ms: slots === 0 ? null : 640,
      tokens_per_second: slots === 0 ? null : 41,
      nodes: servers.map(({ id, name, state, active_tasks, max_parallel, mine }) => ({
        id,
        name,
        state,
        active_tasks,
        max_parallel,
        mine,
      })),
    };
  });
}

/** A node of the reader's own, with a past. */
export function nodeDetail(live: NodeView | null, nowMs: number): NodeDetail {
  const event = (minutes: number, kind: NodeEvent["kind"], more: Partial<NodeEvent> = {}) => ({
    at: nowMs - minutes * MINUTE_MS,
    kind,
    code: null,
    model: null,
    detail: null,
    message: null,
    offer: null,
    until: null,
    ...more,
  });
  const model = live?.supported_models[0] ?? "phi4";
  return {
    live,
    own: live?.mine === false ? null : ownNode(live, nowMs),
    timeline: [
      event(3, "connected"),
      event(5, "disconnected", { code: "lost" }),
      event(64, "recovered", { model }),
      event(66, "penalized", { code: "upstream_error", model }),
      event(400, "resumed"),
      event(700, "paused", {
        detail: "other programs leave less than 4GiB of graphics memory",
        message: { code: "gpu_memory", value: "4GiB" },
      }),
      event(720, "notice", {
        detail: "config.yaml was changed and cannot be used, the one before stays in use: line 4",
        message: { code: "config_refused", value: "line 4: max_parallel must be 1 or more" },
      }),
      event(730, "offer", { detail: "2 models, 4 at once", offer: { models: 2, max_parallel: 4 } }),
      event(1500, "connected"),
    ],
    measured: [{
      model,
      endpoint: "/v1/chat/completions",
      answers: 212,
      measured_at: nowMs - MINUTE_MS,
      prefill_chars_per_second: 2_600,
      decode: [{ running: 1, tokens_per_second: 41 }, { running: 2, tokens_per_second: 33 }],
      load_ms: 6_400,
      prefix_hit_rate: 0.93,
      first_token_error: 0.11,
      end_error: 0.08,
    }],
    speed: [{
      model,
      calls: 403,
      errors: 3,
      first_token_p50_ms: 412,
      first_token_p95_ms: 1830,
      tokens_per_second: 41.3,
    }],
  };
}

/** What a node gave in the last three days. */
export function lent(nowMs: number): LentDayView[] {
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const served = (calls: number) => ({
    calls,
    prompt_tokens: calls * 412,
    completion_tokens: calls * 188,
  });
  return [0, 1, 2].map((ago) => ({
    day: today - ago * DAY_MS,
    open_s: 3600 * (ago === 0 ? 9.5 : 21),
    closed: ago === 1
      ? [{
        reason: "the owner has paused the node",
        message: { code: "paused_by_owner" as const, value: null },
        seconds: 9000,
      }]
      : [],
    refused: ago === 2 ? 4 : 0,
    energy_j: null,
    served: { own: served(31 + 9 * ago), group: served(ago * 4), any: served(212 - 40 * ago) },
  }));
}

/** A call as the gateway shows it to its caller, for tests. */

import type { CallView } from "../../api/mod.ts";

export function aCall(changes: Partial<CallView> = {}): CallView {
  return {
    id: "req-1",
    side: "made",
    started_at: 1_000,
    endpoint: "/v1/chat/completions",
    alias: null,
    model: "llama",
    stream: true,
    outcome: "node_lost",
    status: 502,
    cause: "node_lost",
    key_id: "k1",
    key_name: "laptop",
    node: "n1",
    node_name: "studio",
    route: "any",
    prompt_tokens: null,
    completion_tokens: null,
    estimated: false,
    delivered_bytes: 0,
    queued_ms: 0,
    first_byte_ms: null,
    duration_ms: 10,
    attempts: [],
    replays: null,
    ...changes,
  };
}

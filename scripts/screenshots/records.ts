/** Made-up keys, calls and sessions: short and long names, good ends and bad ones. */

import type {
  AttemptView,
  BudgetUse,
  CallDetail,
  CallView,
  KeyView,
  SessionView,
} from "../../api/mod.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export function keys(nowMs: number): KeyView[] {
  const key = (changes: Partial<KeyView> & { name: string }): KeyView => ({
    id: changes.name,
    kind: "api",
    hint: "sk-colink-Ab…9xYz",
    is_default: false,
    state: "active",
    created_at: nowMs - 30 * DAY_MS,
    last_used_at: nowMs - 4 * MINUTE_MS,
    expires_at: null,
    models: null,
    budget: null,
    rpm: null,
    route: "any",
    ...changes,
  });
  return [
    // The account's own two have no name.
    key({ name: "", id: "key-0", is_default: true }),
    key({ name: "", id: "key-1", kind: "client", hint: "client-Hw…4tQs", is_default: true }),
    key({ name: "laptop" }),
    key({
      name: "ci",
      rpm: 60,
      budget: { tokens_per_day: 200_000 },
      models: ["llama3.2", "Qwen/Qwen3-8B"],
      expires_at: nowMs + 5 * DAY_MS,
    }),
    key({
      name: "notebook",
      state: "replaced",
      expires_at: nowMs + DAY_MS / 2,
      last_used_at: null,
    }),
    key({ name: "the-continuous-integration-of-the-department-of-machine-learning", rpm: 60 }),
    key({ name: "rack in the cellar", kind: "client", hint: "client-Qr…2mNp" }),
  ];
}

export function calls(nowMs: number): CallView[] {
  const attempt = (node: string, start: number, duration: number, end: string): AttemptView => ({
    node,
    node_name: node,
    start_ms: start,
    duration_ms: duration,
    end,
  });
  const call = (changes: Partial<CallView>, i: number): CallView => ({
    id: `req-0f6b6219c4b94e0d8d8a5be6a7f1c0${(10 + i).toString(16)}`,
    side: "made",
    started_at: nowMs - i * 3.7 * MINUTE_MS,
    endpoint: "/v1/chat/completions",
    alias: null,
    model: "llama3.2",
    stream: true,
    outcome: "ok",
    route: "any",
    status: 200,
    cause: null,
    key_id: "laptop",
    key_name: "laptop",
    node: "studio-pc",
    node_name: "studio-pc",
    prompt_tokens: 412 + 13 * i,
    completion_tokens: 188 + 29 * i,
    estimated: false,
    delivered_bytes: 4096 + 311 * i,
    queued_ms: 0,
    first_byte_ms: 380 + 31 * i,
    duration_ms: 4100 + 260 * i,
    attempts: [attempt("studio-pc", 4, 4090 + 260 * i, "ok")],
    replays: null,
    ...changes,
  });
  const failedOver: Partial<CallView> = {
    model: "Qwen/Qwen3-8B",
    node: "lab-rack-3",
    node_name: "lab-rack-3",
    queued_ms: 140,
    first_byte_ms: 2350,
    duration_ms: 6900,
    replays: {
      count: 2,
      last: [
        { at_ms: 3100, after_event: 41, was_ended: false },
        { at_ms: 95_000, after_event: null, was_ended: true },
      ],
    },
    attempts: [
      attempt("attic", 5, 1210, "node_lost"),
      attempt("cloud-key", 1220, 640, "upstream_auth"),
      attempt("lab-rack-3", 2004, 4896, "ok"),
    ],
  };
  const failed: Partial<CallView> = {
    outcome: "upstream_error",
    status: 502,
    cause: "upstream_error",
    prompt_tokens: null,
    completion_tokens: null,
    first_byte_ms: null,
    duration_ms: 812,
    attempts: [attempt("studio-pc", 3, 800, "upstream_error")],
  };
  const left: Partial<CallView> = { outcome: "cancelled", status: 499, duration_ms: 1900 };
  const rejected: Partial<CallView> = {
    outcome: "rejected",
    status: 429,
    cause: "rate_limit_exceeded",
    node: null,
    node_name: null,
    prompt_tokens: null,
    completion_tokens: null,
    first_byte_ms: null,
    duration_ms: 2,
    attempts: [],
  };
  const long: Partial<CallView> = {
    model: "organisation/a-model-with-a-very-long-name-instruct-awq-int4",
    key_name: "rack in the cellar, second shelf",
    node_name: "node-with-a-name-that-somebody-made-far-too-long-for-any-table",
  };
  const own: Partial<CallView> = { key_id: "key-0", key_name: "" };
  const kinds = [{}, failedOver, {}, own, failed, left, {}, rejected, long, {}, {}, {}];
  return kinds.map(call);
}

/** With why its node was chosen. */
export function callDetail(call: CallView): CallDetail {
  const candidate = (node: string, expected_first_ms: number, expected_end_ms: number) => ({
    node,
    node_name: node,
    chosen: node === call.node,
    expected_first_ms,
    expected_end_ms,
    load_ms: 0,
    held_chars: 0,
    free_slots: 3,
    measured: true,
  });
  if (call.attempts.length === 0) return { ...call, choice: null };
  return {
    ...call,
    choice: {
      trial: false,
      real_first_ms: 346,
      real_end_ms: call.outcome === "ok" ? 4896 : null,
      candidates: [candidate(call.node ?? "", 390, 4700), candidate("old-laptop", 840, 9100)],
    },
  };
}

/** Of an account, its group and one of its keys, which has used `usedByKey` of 200,000 tokens. */
export function budgets(nowMs: number, usedByKey = 124_000): BudgetUse[] {
  const opens_at = (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS;
  const perDay = (used: number, limit: number) => [
    { name: "tokens_per_day" as const, used, limit, opens_at },
  ];
  const rest = { max_tokens: null, models: null };
  return [
    { ...rest, of: "account", id: "you", name: null, limits: perDay(412_300, 1_000_000) },
    {
      ...rest,
      of: "group",
      id: "lab",
      name: "lab",
      limits: [
        ...perDay(1_830_000, 5_000_000),
        { name: "calls_at_once", used: 3, limit: 8, opens_at: null },
      ],
      models: ["llama3.2", "Qwen/Qwen3-8B"],
    },
    {
      ...rest,
      of: "key",
      id: "ci",
      name: "ci",
      limits: perDay(usedByKey, 200_000),
      max_tokens: 4096,
    },
  ];
}

export function sessions(nowMs: number): SessionView[] {
  const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36";
  const phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1";
  const session = (id: string, user_agent: string, ageMs: number): SessionView => ({
    id,
    user_agent,
    address: "192.168.1.20",
    created_at: nowMs - ageMs,
    last_seen_at: nowMs - ageMs / 9,
    expires_at: nowMs + DAY_MS - ageMs,
    current: id === "this",
  });
  return [session("this", agent, 20 * MINUTE_MS), session("phone", phone, 9 * 60 * MINUTE_MS)];
}

/** A made-up gateway with a few people, as its administrator sees it. */

import type {
  AdminNodeView,
  AdminUserView,
  AliasView,
  Attention,
  AttentionKind,
  AuditEntry,
  GroupView,
  InviteView,
  ModelSettings,
  NodeView,
  OverviewView,
  SettingsPage,
  UsageView,
} from "../../api/mod.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export function users(nowMs: number): AdminUserView[] {
  const user = (email: string, changes: Partial<AdminUserView> = {}): AdminUserView => ({
    id: email,
    email,
    role: "user",
    created_at: nowMs - 20 * DAY_MS,
    disabled_at: null,
    rpm: null,
    models: null,
    budget: null,
    weight: null,
    total_api_calls: 1204,
    total_provided_calls: 88,
    recent_tokens: 512_300,
    keys: 3,
    nodes: 1,
    groups: [],
    ...changes,
  });
  return [
    user("you@quickstart.local", { role: "admin", total_api_calls: 21_930, nodes: 4 }),
    user("lin@lab.example", { rpm: 120, models: ["llama3.2"], groups: ["lab"] }),
    user("somebody.with.a.very.long.address@department.university.example", { nodes: 0 }),
    user("gone@lab.example", { disabled_at: nowMs - DAY_MS, total_api_calls: 12 }),
  ];
}

export function invites(nowMs: number): InviteView[] {
  const invite = (note: string, state: InviteView["state"], used_by: string | null = null) => ({
    id: note,
    note,
    state,
    used_by,
    created_at: nowMs - 2 * DAY_MS,
    expires_at: nowMs + (state === "expired" ? -1 : 5) * DAY_MS,
    created_by: "you@quickstart.local",
  });
  return [
    invite("for Chen", "open"),
    invite("for Lin", "used", "lin@lab.example"),
    invite("workshop", "expired"),
  ];
}

export function groups(nowMs: number): GroupView[] {
  const group = (name: string, changes: Partial<GroupView> = {}): GroupView => ({
    id: name,
    name,
    weight: 1,
    members_see_nodes: false,
    budget: null,
    created_at: nowMs - 12 * DAY_MS,
    members: 2,
    ...changes,
  });
  const lab = { members: 14, weight: 2, members_see_nodes: true };
  return [group("lab", { ...lab, budget: { tokens_per_day: 5_000_000 } }), group("guests")];
}

export const aliases: AliasView[] = [
  {
    name: "fast",
    targets: [{ model: "llama3.2", prefer: "loaded", max_wait_s: 5 }, { model: "phi4" }],
    leads_to: [{ model: "llama3.2", offered: true }, { model: "phi4", offered: true }],
    problem: null,
    fault: null,
  },
  {
    name: "gpt-4*",
    targets: [{ model: "mistral-large", needs: ["tools"] }],
    leads_to: [{ model: "mistral-large", offered: false }],
    problem: null,
    fault: null,
  },
];

export const modelSettings: ModelSettings[] = [
  { name: "deepseek-r1:32b", note: "Slow but thorough", groups: ["lab"] },
  { name: "qwq", hidden: true, defaults: { temperature: 0.6, max_tokens: 4096 } },
];

export const settings: SettingsPage = {
  name: { value: "", fallback: "", is_set: false },
  gateway: {
    public_url: "https://models.lab.example",
    tls: { valid_until: Date.now() + 61 * DAY_MS, trouble: null, cause: null },
    backup: { last_at: Date.now() - 7 * 60 * MINUTE_MS, database: "sqlite" },
    gateways: [{ version: "0.1.0", count: 1 }],
    nodes: [
      { version: "co-link/0.1.0", count: 9 },
      { version: "co-link/0.0.9", count: 2 },
      { version: null, count: 1 },
    ],
  },
  registration: { value: "invite", fallback: "open", is_set: true },
  default_rpm: { value: 600, fallback: 600, is_set: false },
  node_approval: { value: true, fallback: false, is_set: true },
};

export function adminNodes(nowMs: number): AdminNodeView[] {
  const node = (name: string, changes: Partial<AdminNodeView> = {}): AdminNodeView => ({
    id: name,
    name,
    owner_id: "lin@lab.example",
    owner_email: "lin@lab.example",
    connected: true,
    models: ["llama3.2", "phi4"],
    agent: "co-link/0.1.0",
    machine: null,
    first_seen_at: nowMs - 9 * DAY_MS,
    last_seen_at: nowMs,
    approved_at: nowMs - 8 * DAY_MS,
    paused_at: null,
    ...changes,
  });
  return [
    node("new-workstation", { approved_at: null, first_seen_at: nowMs - 4 * MINUTE_MS }),
    node("studio-pc"),
    node("garage", { connected: false, last_seen_at: nowMs - DAY_MS }),
  ];
}

export function audit(nowMs: number): AuditEntry[] {
  const entry = (i: number, action: AuditEntry["action"], changes: Partial<AuditEntry> = {}) => ({
    id: String(i),
    at: nowMs - i * 47 * MINUTE_MS,
    actor: "you@quickstart.local",
    action,
    target: null,
    detail: {},
    address: "192.168.1.20",
    ...changes,
  });
  return [
    entry(0, "settings.changed", { detail: { registration: "invite" } }),
    entry(1, "invite.created", { target: "for Chen" }),
    entry(2, "user.disabled", { target: "gone@lab.example" }),
    entry(3, "session.refused", { actor: null, target: "lin@lab.example", address: "203.0.113.7" }),
    entry(4, "key.rotated", { actor: "lin@lab.example", target: "ci" }),
    entry(5, "user.changed", { target: "lin@lab.example", detail: { rpm: 120 }, address: null }),
  ];
}

/** What the whole gateway did, made of one account's figures. */
export function overview(nodes: readonly NodeView[], usage: UsageView): OverviewView {
  const { by_key, model_series: _, side: __, ...rest } = usage;
  const names = ["you@quickstart.local", "lin@lab.example", "chen@lab.example"];
  const refused = nodes.filter(({ penalties }) =>
    penalties.some(({ code }) => code === "upstream_auth")
  );
  const servers = nodes.filter((node) => node.supported_models.includes("llama3.2"));
  const { errors } = usage.total;
  const waiting = servers.length === 0 ? 0 : 3;
  return {
    at: usage.to,
    version: "0.1.0",
    gateways: 1,
    nodes: nodes.length,
    models: new Set(nodes.flatMap((node) => node.supported_models)).size,
    running: nodes.reduce((sum, node) => sum + node.active_tasks, 0) + waiting,
    waiting,
    usage: {
      ...rest,
      by_account: by_key.slice(0, names.length).map((share, i) => ({
        ...share,
        id: names[i]!,
        name: names[i]!,
      })),
      by_group: by_key.slice(0, 1).map((share) => ({ ...share, id: "lab", name: "lab" })),
    },
    // Together the errors of the figures.
    causes: [
      { code: "upstream_auth", calls: errors - Math.floor(errors / 3) - Math.floor(errors / 6) },
      { code: "queue_timeout", calls: Math.floor(errors / 3) },
      { code: "node_lost", calls: Math.floor(errors / 6) },
    ].filter(({ calls }) => calls > 0),
    queues: servers.length === 0 ? [] : [{
      model: "llama3.2",
      waiting: 3,
      running: servers.reduce((sum, node) => sum + node.active_tasks, 0),
      slots: servers.reduce((sum, node) => sum + node.max_parallel, 0),
    }],
    attention: nodes.length === 0 ? [] : [
      {
        kind: "provider_key",
        severity: "bad",
        count: refused.length,
        code: null,
        cause: null,
        at: null,
        detail: null,
        nodes: refused.map(({ id, name }) => ({ id, name })),
      },
      {
        kind: "backup",
        severity: "warning",
        count: 1,
        code: null,
        cause: null,
        at: usage.to - 9 * DAY_MS,
        detail: null,
        nodes: [],
      },
    ],
  };
}

/** Everything that can need attention at once. */
export function troubles(nowMs: number): Attention[] {
  const found = (
    kind: AttentionKind,
    severity: Attention["severity"],
    more: Partial<Attention> = {},
  ): Attention => ({
    kind,
    severity,
    count: 1,
    code: null,
    cause: null,
    at: null,
    detail: null,
    nodes: [],
    ...more,
  });
  const node = (name: string) => ({ id: name, name });
  const many = ["attic", "cloud-key", "lab-rack-3", "nas", "old-laptop"].map(node);
  return [
    found("store", "bad", { cause: "connection_refused", detail: "ECONNREFUSED" }),
    found("disk", "bad", { detail: "312 MiB" }),
    found("gateways", "bad", { count: 2 }),
    found("penalized", "bad", { count: 12, code: "upstream_timeout", nodes: many }),
    found("certificate", "warning", { at: nowMs + 4 * DAY_MS }),
    found("gateway_version", "warning", { detail: "0.0.9" }),
    found("node_version", "warning", { count: 3, nodes: many.slice(0, 3) }),
    found("unapproved", "warning", { nodes: [node("new-workstation")] }),
    found("lost", "warning", {
      nodes: [node("node-with-a-name-that-somebody-made-far-too-long-for-any-table")],
    }),
    found("plain_http", "warning"),
    found("untrusted_proxy", "warning", { detail: "172.18.0.2" }),
    found("budgets", "warning", {
      count: 2,
      detail: "mira@example.org, Physics",
      holders: [
        { of: "account", id: "mira", name: "mira@example.org" },
        { of: "group", id: "physics", name: "Physics" },
      ],
    }),
    found("backup", "warning"),
  ];
}

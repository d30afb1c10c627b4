/** Nodes: as everybody may see them, and what their owners see and do. */

import { z } from "@hono/zod-openapi";
import { label, orNull, time } from "./fields.ts";

const MAX_LABEL_CHARS = 80;

export const NodeState = z.enum([
  "ready",
  "busy",
  "probing",
  "penalized",
  "draining",
  "paused",
  "unapproved",
  "reconnecting",
]).describe(
  "`penalized`: gets no calls for a while. `probing`: that time is over, and one call at a time " +
    "tries the node until one succeeds; both of the whole node, or of each of its models. " +
    "`draining`: running calls end, no new ones come until it connects again. `paused`: no calls " +
    "until its owner resumes it, or until its owner's terms allow them again. `unapproved`: no " +
    "calls until an administrator approves it. `reconnecting`: its connection is lost; its calls wait, " +
    "and no new ones come until it is back.",
);
export type NodeState = z.infer<typeof NodeState>;

export const NodePenalty = z.object({
  model: z.string().nullable().describe("Null: all of the node's models."),
  code: z.string()
    .describe("What happened, as a code of docs/errors.md: `node_lost`, `upstream_auth` …"),
  reason: z.string().describe("What happened, in words."),
  until: z.number().describe("Past: calls try the node, and none has succeeded yet."),
});
export type NodePenalty = z.infer<typeof NodePenalty>;

export const NodeMachine = z.object({
  os: z.string().nullable().describe("The operating system and its version."),
  arch: z.string().nullable().describe("The processor's architecture, such as `x64`."),
  gpus: z.array(z.object({
    name: z.string().describe("As its driver calls it."),
    memory_bytes: z.number().nullable()
      .describe("Its memory, or what it shares with the processor; null: not known."),
  })),
  policy: z.record(z.string(), z.string()).nullable().describe(
    "On which terms it is lent, by the keys of its configuration; empty: always. Null: not known.",
  ),
}).meta({
  id: "NodeMachine",
  description: "What a node reports of the machine that it runs on, in its own words.",
});
export type NodeMachine = z.infer<typeof NodeMachine>;

const machine = orNull(NodeMachine).describe(
  "Null where the node reports nothing, and for all but its owner and administrators.",
);

export const NodeSentenceCode = z.enum([
  "outside_hours",
  "on_battery",
  "battery_low",
  "in_use",
  "own_programs",
  "gpu_memory",
  "cpu_load",
  "tokens_used",
  "calls_used",
  "paused_by_owner",
  "pause_file",
  "first_look",
  "unknown_power",
  "unknown_use",
  "unknown_programs",
  "unknown_gpu_memory",
  "unknown_cpu_load",
  "config_refused",
  "other",
]);
export type NodeSentenceCode = z.infer<typeof NodeSentenceCode>;

export const NodeSentence = z.object({
  code: NodeSentenceCode,
  value: z.string().nullable().describe("What the sentence names; null: nothing."),
}).meta({
  id: "NodeSentence",
  description: "What a sentence of Co-Link's own node program means, for texts in other languages.",
});
export type NodeSentence = z.infer<typeof NodeSentence>;

const message = orNull(NodeSentence).describe("The sentence by its meaning, where that is known.");

export const NodeView = z.object({
  id: z.string().describe("Random; unrelated to the node's token and address."),
  name: z.string(),
  max_parallel: z.number(),
  active_tasks: z.number(),
  supported_models: z.array(z.string()),
  state: NodeState.describe("Of several that hold, the one that keeps calls away longest."),
  penalties: z.array(NodePenalty),
  penalized: z.boolean().describe("Whether no call reaches it now, whatever the model."),
  penalty_reason: z.string().nullable().describe("Why it is penalised, in words."),
  penalized_until: z.number().nullable(),
  draining: z.boolean(),
  pause_reason: z.string().nullable()
    .describe("Why the node has paused by its owner's terms, in its own words."),
  pause_message: message,
  paused_until: z.number().nullable().describe("When it expects to serve again, if it knows."),
  reconnecting_until: z.number().nullable()
    .describe("While its connection is lost: when its calls are given up unless it is back."),
  connected_at: z.number(),
  agent: z.string().nullable(),
  mine: z.boolean().describe("Whether it is the asking account's own; false without a session."),
  share_with: z.array(z.string()).nullable().describe(
    "Whose calls it takes: `everyone`, `me` for its owner, or names such as `group:lab`. " +
      "Null for all but its owner and administrators.",
  ),
  share: z.number().nullable().describe(
    "By how many slots its part of the calls is reckoned: a new node earns them by its answers, up " +
      "to `max_parallel`; the others are used while no other node has one free. Null for all but " +
      "its owner and administrators.",
  ),
  machine,
}).meta({ id: "Node", description: "A connected node, as those may see it whose calls it takes." });
export type NodeView = z.infer<typeof NodeView>;

export const NodeGone = z.object({
  at: z.number(),
  code: z.enum(["lost", "silent", "closed", "restarted", "revoked", "protocol", "replaced"])
    .describe(
      "`lost`: without a goodbye. `silent`: it answered no pings. `closed`: by the node. " +
        "`restarted`: the gateway did. `revoked`: its token was replaced or its account closed. " +
        "`protocol`: it broke the protocol. `replaced`: the same machine connected again.",
    ),
  close_code: z.number().describe("WebSocket's close code."),
}).meta({ id: "NodeGone", description: "How a connection ended." });
export type NodeGone = z.infer<typeof NodeGone>;

export const OwnNodeView = z.object({
  id: z.string(),
  name: z.string().describe("The owner's name for it, else its own."),
  label: z.string().nullable().describe("The owner's name for it; null: none."),
  live: orNull(NodeView).describe("The node as it is connected now; null: it is not."),
  models: z.array(z.string()).describe("The models that it offered last."),
  max_parallel: z.number(),
  agent: z.string().nullable(),
  machine,
  first_seen_at: z.number(),
  last_seen_at: z.number().describe("When it was connected last; now, while it is."),
  gone: orNull(NodeGone)
    .describe("How its last connection ended; null: it is connected, or that is not known."),
  paused_at: z.number().nullable(),
  paused_until: z.number().nullable()
    .describe(
      "When the pause ends by itself; null: its owner or an administrator ends it, or there is none.",
    ),
  approved_at: z.number().nullable()
    .describe("Null: not approved yet, where approval is required."),
  key_id: z.string().describe("The client key that it connected with last."),
}).meta({ id: "OwnNode", description: "A node of the asking account, connected or not." });
export type OwnNodeView = z.infer<typeof OwnNodeView>;

export const NodeEventKind = z.enum([
  "connected",
  "disconnected",
  "offer",
  "penalized",
  "recovered",
  "paused",
  "resumed",
  "drain",
  "renamed",
  "approved",
  "unapproved",
  "token_rotated",
  "notice",
]);
export type NodeEventKind = z.infer<typeof NodeEventKind>;

export const NodeEvent = z.object({
  at: z.number(),
  kind: NodeEventKind,
  code: z.string().nullable().describe(
    "Of `penalized`: the failure's code. Of `disconnected`: as in NodeGone. Else null.",
  ),
  model: z.string().nullable()
    .describe("Of `penalized` and `recovered`: the model; null: all of the node's."),
  detail: z.string().nullable().describe(
    "In words, where there is more to say; of `notice` and `paused`: what the node's program says.",
  ),
  message,
  offer: orNull(z.object({ models: z.number(), max_parallel: z.number() }))
    .describe("Of `offer`: how many models, and how many calls at a time."),
  until: z.number().nullable().describe("Of `penalized` and `paused`: until when."),
}).meta({ id: "NodeEvent", description: "One line of a node's timeline." });
export type NodeEvent = z.infer<typeof NodeEvent>;

export const NodeModelSpeed = z.object({
  model: z.string(),
  calls: z.number(),
  errors: z.number(),
  first_token_p50_ms: z.number().nullable(),
  first_token_p95_ms: z.number().nullable(),
  tokens_per_second: z.number().nullable(),
}).meta({
  id: "NodeModelSpeed",
  description: "How fast a model was on a node, by the calls of the last 24 hours.",
});
export type NodeModelSpeed = z.infer<typeof NodeModelSpeed>;

export const NodeSpeed = z.object({
  id: z.string().describe("The node's id."),
  first_token_p50_ms: z.number().nullable().describe("Null: no answer was streamed."),
  tokens_per_second: z.number().nullable()
    .describe("Of one streamed answer; null: none has told its tokens."),
}).meta({
  id: "NodeSpeed",
  description: "How fast a node was, by the calls of the last 24 hours.",
});
export type NodeSpeed = z.infer<typeof NodeSpeed>;

export const NodeMeasure = z.object({
  model: z.string(),
  endpoint: z.string(),
  answers: z.number().describe("Answers that it was measured by."),
  measured_at: z.number().describe("By the last of them."),
  prefill_chars_per_second: z.number().nullable()
    .describe("How fast prompts are read, in characters; null: not measured."),
  decode: z.array(z.object({
    running: z.number().describe("Calls that run at once on the node: 1, 2, 4, 8 and so on."),
    tokens_per_second: z.number().describe("Of one of these calls."),
  })).describe("Only what was measured."),
  load_ms: z.number().nullable()
    .describe("How long the model takes to load; null: no call that had to wait for it was seen."),
  prefix_hit_rate: z.number().nullable()
    .describe("How often the beginning that the node was expected to hold was there, from 0 to 1."),
  first_token_error: z.number().nullable().describe(
    "How far the expected times to the first token were off, as a part of the real ones: the median.",
  ),
  end_error: z.number().nullable().describe(
    "The same for the end of an answer of its real length.",
  ),
}).meta({
  id: "NodeMeasure",
  description:
    "What the policy `auto` expects of a model on a node, as this gateway has measured it lately.",
});
export type NodeMeasure = z.infer<typeof NodeMeasure>;

export const NodeDetail = z.object({
  live: orNull(NodeView).describe("Null: it is not connected."),
  own: orNull(OwnNodeView).describe("Null: it belongs to another account."),
  timeline: z.array(NodeEvent).describe(
    "Newest first, at most 200. Only its owner and administrators see more than connects, disconnects and penalties.",
  ),
  speed: z.array(NodeModelSpeed),
  measured: z.array(NodeMeasure)
    .describe("By model and endpoint; empty where nothing was measured in the last 10 minutes."),
}).meta({ id: "NodeDetail" });
export type NodeDetail = z.infer<typeof NodeDetail>;

export const NodeChange = z.strictObject({
  label: label(MAX_LABEL_CHARS).nullable().optional().describe("Null: back to its own name."),
  paused: z.boolean().optional(),
  paused_until: time.nullable().optional()
    .describe(
      "With `paused`: when the pause ends by itself; null or absent: its owner or an administrator ends it.",
    ),
}).meta({ id: "NodeChange", description: "What is absent stays as it is." });
export type NodeChange = z.infer<typeof NodeChange>;

export const OwnNodeAnswer = z.object({ node: OwnNodeView });
export type OwnNodeAnswer = z.infer<typeof OwnNodeAnswer>;

const lentFigures = z.object({
  calls: z.number(),
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
});

export const LentDayView = z.object({
  day: z.number().describe("When the UTC day begins."),
  open_s: z.number().describe("Seconds for which it was connected and took calls."),
  closed: z.array(z.object({ reason: z.string(), message, seconds: z.number() }))
    .describe("For how long it was connected and took none, and why."),
  refused: z.number().describe("Calls that it refused because of its owner's terms."),
  energy_j: z.number().nullable()
    .describe("What its graphics processors used while calls ran; null: they do not tell."),
  served: z.object({
    own: lentFigures.describe("For its owner."),
    group: lentFigures.describe("For those whom `share_with` names."),
    any: lentFigures.describe("For everyone else."),
  }),
}).meta({ id: "LentDay" });
export type LentDayView = z.infer<typeof LentDayView>;

export const LentFilter = z.object({
  days: z.coerce.number<number | string>().int().min(1).max(366).default(30),
});

export const LentView = z.object({ days: z.array(LentDayView) }).meta({
  id: "Lent",
  description: "What a node gave, the newest day first; days without anything are left out.",
});
export type LentView = z.infer<typeof LentView>;

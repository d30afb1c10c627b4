/** `GET /api/live`: the events of its stream. */

import { z } from "@hono/zod-openapi";
import { CallView, Side } from "./calls.ts";
import { described } from "./fields.ts";
import { NodeGone, NodeView } from "./nodes.ts";

export const LiveTopic = z.enum(["network", "nodes", "calls", "changes"]);
export type LiveTopic = z.infer<typeof LiveTopic>;

export const Changed = z.enum([
  "keys",
  "sessions",
  "users",
  "groups",
  "invites",
  "nodes",
  "settings",
  "audit",
]).describe(
  "The account's own `keys` or `sessions`; all others are reported to administrators only.",
);
export type Changed = z.infer<typeof Changed>;

export const NetworkView = z.object({
  nodes: z.number(),
  models: z.number(),
  running: z.number().describe("Calls that run on this gateway."),
  waiting: z.number().describe("Calls that wait on this gateway."),
});
export type NetworkView = z.infer<typeof NetworkView>;

export const LiveSnapshot = z.object({
  now: z.number().describe("The gateway's clock."),
  network: NetworkView,
  nodes: z.array(NodeView).optional().describe(
    "Present with the topic `nodes`, unless they are too long: `/api/nodes` has them in pages.",
  ),
});
export type LiveSnapshot = z.infer<typeof LiveSnapshot>;

export const UsageIncrement = z.object({
  side: Side,
  model: z.string(),
  calls: z.number(),
  errors: z.number(),
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
});
export type UsageIncrement = z.infer<typeof UsageIncrement>;

export const LiveEvents = z.object({
  snapshot: LiveSnapshot,
  network: NetworkView
    .describe("Topic `network`: at most once a second, when it has changed."),
  node: described(
    NodeView,
    "Topic `nodes`: a node has connected, or anything but its running calls has changed.",
  ),
  node_gone: z.object({ id: z.string(), name: z.string(), gone: NodeGone })
    .describe("Topic `nodes`: a node is gone."),
  load: z.record(z.string(), z.number()).describe(
    "Topic `nodes`: running calls by node id, where they have changed; at most once a second.",
  ),
  call: described(
    CallView,
    "Topic `calls`: a call that the account made or its nodes served has ended. At most 20 a second; `usage` counts all.",
  ),
  usage: z.array(UsageIncrement).describe(
    "Topic `calls`: what ended calls have added to the account's figures, at most once a second.",
  ),
  changed: z.object({ what: z.array(Changed) }).describe(
    "Topic `changes`: something was changed at any gateway, at most 5 s ago. Pages that show what was changed reload it.",
  ),
  session_over: z.strictObject({})
    .describe("The session has ended: sign in again. The stream's last event."),
}).meta({ id: "LiveEvents", description: "By event name, the JSON of its `data`." });
export type LiveEvents = z.infer<typeof LiveEvents>;

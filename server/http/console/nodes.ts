/** `/api/nodes`: the nodes that are connected, and what their owners see of them and do. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type {
  NodeChange,
  NodeDetail,
  NodeEvent,
  NodeGone,
  NodeModelSpeed,
  NodeView,
  OwnNodeView,
} from "../../../api/mod.ts";
import { ColinkError } from "../../base/error.ts";
import { viewerAccount } from "../credentials.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { Rotated, Rotation } from "./keys.ts";
import { answers, body, idParam, label, session } from "./schema.ts";
import { audit, expectSeldom, signedIn } from "./visitor.ts";

const MAX_LABEL_CHARS = 80;

/** By account. */
const ROTATIONS_PER_MINUTE = 10;

export const nodeState = z.enum([
  "ready",
  "busy",
  "probing",
  "penalized",
  "draining",
  "paused",
  "unapproved",
]);

const Node: z.ZodType<NodeView> = z.object({
  id: z.string(),
  name: z.string(),
  max_parallel: z.number(),
  active_tasks: z.number(),
  supported_models: z.array(z.string()),
  state: nodeState,
  penalties: z.array(z.object({
    model: z.string().nullable(),
    code: z.string(),
    reason: z.string(),
    until: z.number(),
  })),
  penalized: z.boolean(),
  penalty_reason: z.string().nullable(),
  penalized_until: z.number().nullable(),
  draining: z.boolean(),
  connected_at: z.number(),
  agent: z.string().nullable(),
  mine: z.boolean(),
}).openapi("Node");

const Gone: z.ZodType<NodeGone> = z.object({
  at: z.number(),
  code: z.enum(["lost", "silent", "closed", "restarted", "revoked", "protocol", "replaced"]),
  close_code: z.number(),
}).openapi("NodeGone");

const OwnNode: z.ZodType<OwnNodeView> = z.object({
  id: z.string(),
  name: z.string(),
  label: z.string().nullable(),
  live: Node.nullable(),
  models: z.array(z.string()),
  max_parallel: z.number(),
  agent: z.string().nullable(),
  first_seen_at: z.number(),
  last_seen_at: z.number(),
  gone: Gone.nullable(),
  paused_at: z.number().nullable(),
  approved_at: z.number().nullable(),
  key_id: z.string(),
}).openapi("OwnNode");

const Event: z.ZodType<NodeEvent> = z.object({
  at: z.number(),
  kind: z.enum([
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
  ]),
  code: z.string().nullable(),
  model: z.string().nullable(),
  detail: z.string().nullable(),
  until: z.number().nullable(),
}).openapi("NodeEvent");

const Speed: z.ZodType<NodeModelSpeed> = z.object({
  model: z.string(),
  calls: z.number(),
  errors: z.number(),
  first_token_p50_ms: z.number().nullable(),
  first_token_p95_ms: z.number().nullable(),
  tokens_per_second: z.number().nullable(),
}).openapi("NodeModelSpeed");

const Detail: z.ZodType<NodeDetail> = z.object({
  live: Node.nullable(),
  own: OwnNode.nullable(),
  timeline: z.array(Event),
  speed: z.array(Speed),
}).openapi("NodeDetail");

const Change: z.ZodType<NodeChange> = z.strictObject({
  label: label(MAX_LABEL_CHARS).nullable().optional(),
  paused: z.boolean().optional(),
}).openapi("NodeChange");

const ownAnswer = answers(z.object({ node: OwnNode }));

const routes = {
  all: createRoute({
    method: "get",
    path: "/nodes",
    responses: answers(z.object({ nodes: z.array(Node) })),
  }),
  mine: createRoute({
    method: "get",
    path: "/nodes/mine",
    security: session,
    responses: answers(z.object({ nodes: z.array(OwnNode) })),
  }),
  one: createRoute({
    method: "get",
    path: "/nodes/{id}",
    security: session,
    request: idParam,
    responses: answers(Detail),
  }),
  change: createRoute({
    method: "patch",
    path: "/nodes/{id}",
    security: session,
    request: { ...idParam, ...body(Change) },
    responses: ownAnswer,
  }),
  drain: createRoute({
    method: "post",
    path: "/nodes/{id}/drain",
    security: session,
    request: idParam,
    responses: ownAnswer,
  }),
  rotate: createRoute({
    method: "post",
    path: "/nodes/{id}/rotate-token",
    security: session,
    request: { ...idParam, ...body(Rotation) },
    responses: answers(Rotated),
  }),
};

export function nodeRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { accounts, keys, nodes, hub, penalties } = parts;

  api.openapi(routes.all, async (c) => {
    const viewerId = await viewerAccount(c, accounts);
    const views = [...hub.nodes()].map((node) =>
      node.view(penalties.of(node.who.nodeKey), viewerId)
    );
    return c.json({ nodes: views }, 200);
  });

  api.openapi(routes.mine, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json({ nodes: await nodes.list(accountId) }, 200);
  });

  api.openapi(routes.one, async (c) => {
    const { accountId, role } = await signedIn(c, parts);
    const { id } = c.req.valid("param");
    const found = await nodes.find(id);
    const live = parts.liveNode(id, accountId);
    const ownerId = found?.ownerId ?? null;
    const isOwn = ownerId === accountId || role === "admin";
    if (live === null && (found === null || !isOwn)) throw unknownNode();
    const [timeline, speed] = await Promise.all([
      nodes.timeline(id, { isOwn }),
      ownerId === null ? [] : nodes.speed(id, ownerId),
    ]);
    const own = isOwn ? found?.own ?? null : null;
    return c.json({ live, own, timeline, speed }, 200);
  });

  api.openapi(routes.change, async (c) => {
    const visitor = await signedIn(c, parts);
    const change = c.req.valid("json");
    const node = await nodes.change(visitor.accountId, c.req.valid("param").id, change);
    const { label, paused } = change;
    if (label !== undefined) {
      await audit(c, parts, visitor, {
        action: "node.renamed",
        target: node.id,
        detail: { label: node.label },
      });
    }
    if (paused !== undefined) {
      const action = paused ? "node.paused" : "node.resumed";
      await audit(c, parts, visitor, { action, target: node.id });
    }
    return c.json({ node }, 200);
  });

  api.openapi(routes.drain, async (c) => {
    const visitor = await signedIn(c, parts);
    const node = await nodes.drain(visitor.accountId, c.req.valid("param").id);
    await audit(c, parts, visitor, { action: "node.drained", target: node.id });
    return c.json({ node }, 200);
  });

  api.openapi(routes.rotate, async (c) => {
    const visitor = await signedIn(c, parts);
    await expectSeldom(parts, "rotate", visitor.accountId, ROTATIONS_PER_MINUTE);
    const { id } = c.req.valid("param");
    const found = await nodes.find(id);
    if (found === null || found.ownerId !== visitor.accountId) throw unknownNode();
    const { overlap_seconds: overlapSeconds = 0 } = c.req.valid("json");
    const { key_id: keyId } = found.own;
    const rotated = await keys.rotate(visitor.accountId, keyId, overlapSeconds * 1000);
    nodes.tokenRotated(id);
    await audit(c, parts, visitor, {
      action: "key.rotated",
      target: id,
      detail: { overlap_seconds: overlapSeconds },
    });
    return c.json(rotated, 200);
  });
}

function unknownNode(): ColinkError {
  return new ColinkError("not_found", "Cannot find the node: none of that id is connected");
}

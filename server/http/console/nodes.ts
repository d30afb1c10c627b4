/** `/api/nodes`: the connected nodes, and what their owners see of them and change. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import {
  KeyRotation,
  LentFilter,
  LentView,
  MessageView,
  NodeChange,
  NodeDetail,
  NodeSpeed,
  NodeView,
  OverviewFilter,
  OwnNodeAnswer,
  OwnNodeView,
  RotatedKey,
  UsageView,
} from "../../../api/mod.ts";
import { ColinkError } from "../../base/error.ts";
import { sessionOf } from "../credentials.ts";
import { maySee, onlookerOf } from "../../node/audience.ts";
import type { AppEnv } from "../env.ts";
import { NodePages } from "../node_pages.ts";
import type { AppParts } from "../parts.ts";
import { answers, body, idParam, session } from "./schema.ts";
import { audit, signedIn } from "./visitor.ts";

const routes = {
  all: createRoute({
    method: "get",
    path: "/nodes",
    description:
      "A page of the connected nodes that one may use, all for administrators; with a session, which are one's own. The next one begins `after` the `next` of this one; null: it is the last",
    request: { query: z.object({ after: z.string().max(200).default("") }) },
    responses: answers(z.object({ nodes: z.array(NodeView), next: z.string().nullable() })),
  }),
  mine: createRoute({
    method: "get",
    path: "/nodes/mine",
    description: "One's own nodes, connected or not, and why not",
    security: session,
    responses: answers(z.object({ nodes: z.array(OwnNodeView) })),
  }),
  speed: createRoute({
    method: "get",
    path: "/nodes/speed",
    description: "Speed, over the last 24 hours, of the connected nodes that one may see",
    security: session,
    responses: answers(z.object({ nodes: z.array(NodeSpeed) })),
  }),
  one: createRoute({
    method: "get",
    path: "/nodes/{id}",
    description: "A node, its timeline, its models' speed, and what `auto` expects of them",
    security: session,
    request: idParam,
    responses: answers(NodeDetail),
  }),
  lent: createRoute({
    method: "get",
    path: "/nodes/{id}/lent",
    description:
      "What the node gave in the last `days` (30): time, calls, tokens, energy, and why it was closed; never by caller",
    security: session,
    request: { ...idParam, query: LentFilter },
    responses: answers(LentView),
  }),
  change: createRoute({
    method: "patch",
    path: "/nodes/{id}",
    description: "`{label?, paused?, paused_until?}`",
    security: session,
    request: { ...idParam, ...body(NodeChange) },
    responses: answers(OwnNodeAnswer),
  }),
  drain: createRoute({
    method: "post",
    path: "/nodes/{id}/drain",
    description: "Lets its calls end and gives it no more until it connects again or is resumed",
    security: session,
    request: idParam,
    responses: answers(OwnNodeAnswer),
  }),
  usage: createRoute({
    method: "get",
    path: "/nodes/{id}/usage",
    description: "What the node served, by `from`, `to`, `step`: in all, over time, by model",
    security: session,
    request: { ...idParam, query: OverviewFilter },
    responses: answers(UsageView),
  }),
  forget: createRoute({
    method: "delete",
    path: "/nodes/{id}",
    description:
      "Forgets a node that is not connected: its name, timeline and decisions; should it connect again, it is a new one",
    security: session,
    request: idParam,
    responses: answers(MessageView),
  }),
  rotate: createRoute({
    method: "post",
    path: "/nodes/{id}/rotate-token",
    description: "Replaces the token that the node connects with",
    security: session,
    request: { ...idParam, ...body(KeyRotation) },
    responses: answers(RotatedKey),
  }),
};

export function nodeRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { accounts, keys, nodes } = parts;
  const pages = new NodePages(parts);

  api.openapi(routes.all, async (c) => {
    const visitor = await sessionOf(c, accounts);
    if (visitor !== null) {
      await parts.rates.take("node_lists_per_account", visitor.accountId);
    }
    const onlooker = visitor && onlookerOf(visitor, parts.memberships);
    const page = pages.page(c.req.valid("query").after, onlooker);
    return c.body(page, 200, { "content-type": "application/json" }) as never;
  });

  api.openapi(routes.mine, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json({ nodes: await nodes.list(accountId) }, 200);
  });

  api.openapi(routes.speed, async (c) => {
    const { accountId, role } = await signedIn(c, parts);
    await parts.rates.take("node_speeds_per_account", accountId);
    const onlooker = onlookerOf({ accountId, role }, parts.memberships);
    const speeds = await parts.usage.speeds("node");
    const seen: NodeSpeed[] = [];
    for (const node of parts.hub.nodes()) {
      const id = node.who.publicId;
      const speed = speeds.get(id);
      if (speed === undefined || !maySee(node, onlooker)) continue;
      const { first_token_p50_ms, tokens_per_second } = speed;
      seen.push({ id, first_token_p50_ms, tokens_per_second });
    }
    return c.json({ nodes: seen }, 200);
  });

  api.openapi(routes.one, async (c) => {
    const { accountId, role } = await signedIn(c, parts);
    const { id } = c.req.valid("param");
    const found = await nodes.find(id);
    const onlooker = onlookerOf({ accountId, role }, parts.memberships);
    const live = parts.liveNode(id, onlooker);
    const ownerId = found?.ownerId ?? null;
    const isOwn = ownerId === accountId || role === "admin";
    if (live === null && (found === null || !isOwn)) throw unknownNode();
    const [timeline, speed] = await Promise.all([
      nodes.timeline(id, { isOwn }),
      ownerId === null ? [] : nodes.speed(id, ownerId),
    ]);
    const own = isOwn ? found?.own ?? null : null;
    const measured = live === null ? [] : parts.measured(id);
    const shows = ({ model }: { model: string }) =>
      isOwn || parts.names.isListed(model, onlooker.groups);
    return c.json(
      { live, own, timeline, speed: speed.filter(shows), measured: measured.filter(shows) },
      200,
    );
  });

  api.openapi(routes.lent, async (c) => {
    const { accountId, role } = await signedIn(c, parts);
    const { id } = c.req.valid("param");
    const found = await nodes.find(id);
    if (found === null || found.ownerId !== accountId && role !== "admin") throw unknownNode();
    return c.json(await parts.lent.ofNode(id, c.req.valid("query").days), 200);
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

  api.openapi(routes.usage, async (c) => {
    const { accountId, role } = await signedIn(c, parts);
    await parts.rates.take("usage_reports_per_account", accountId);
    const { id } = c.req.valid("param");
    const found = await nodes.find(id);
    if (found === null || found.ownerId !== accountId && role !== "admin") throw unknownNode();
    const filter = { ...c.req.valid("query"), side: "provided", node: id } as const;
    return c.json(await parts.usage.view(found.ownerId, filter), 200);
  });

  api.openapi(routes.forget, async (c) => {
    const visitor = await signedIn(c, parts);
    const { id } = c.req.valid("param");
    const byWhom = visitor.role === "admin" ? null : visitor.accountId;
    const { name } = await nodes.forget(byWhom, id);
    await audit(c, parts, visitor, { action: "node.forgotten", target: id, detail: { name } });
    return c.json({ message: "Node forgotten" }, 200);
  });

  api.openapi(routes.rotate, async (c) => {
    const visitor = await signedIn(c, parts);
    await parts.rates.take("tokens_replaced_per_account", visitor.accountId);
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
  return new ColinkError("not_found", "Cannot find the node: no connected node has that id");
}

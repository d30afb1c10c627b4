/** `/api/models`: what is offered now, by which nodes, and how busy it is. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { type ModelNode, ModelView, type NodeState } from "../../../api/mod.ts";
import { othersTurn } from "../../../protocol/mod.ts";
import { mayUse, type Viewer, viewerOf } from "../../node/audience.ts";
import type { Node } from "../../node/node.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, session } from "./schema.ts";
import { signedIn } from "./visitor.ts";

/** Shown of one model. */
const MAX_NODES = 200;

/** A long list is made in parts, and what else has arrived is handled between them. */
const MODELS_PER_TURN = 100;

const route = createRoute({
  method: "get",
  path: "/models",
  description: "What is offered to the account, by which nodes, how busy it is",
  security: session,
  responses: answers(z.object({ models: z.array(ModelView) })),
});

/** The states in which a node takes calls of a model, at once or when it has a free slot. */
const open: ReadonlySet<NodeState> = new Set(["ready", "busy", "probing"]);

export function modelRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { hub, names, penalties, scheduler } = parts;

  api.openapi(route, async (c) => {
    const { accountId } = await signedIn(c, parts);
    await parts.rates.take("model_lists_per_account", accountId);
    const models: ModelView[] = [];
    const speeds = await parts.usage.speeds("model");
    const viewer = viewerOf({ accountId }, parts.memberships);
    for (const [at, model] of hub.models(viewer).entries()) {
      // As in /v1/models: what is hidden, or for other groups.
      if (names.isListed(model, viewer.groups)) {
        models.push({ ...view(model, viewer), ...speedIn(speeds, model) });
      }
      if (at % MODELS_PER_TURN === MODELS_PER_TURN - 1) await othersTurn();
    }
    return c.json({ models }, 200);
  });

  function view(model: string, viewer: Viewer): Omit<ModelView, keyof typeof unknownSpeed> {
    const nodes = [...hub.nodesOf(model)].filter((node) => mayUse(node, viewer))
      .map((node) => modelNode(node, model, viewer.accountId));
    const able = nodes.filter(({ state }) => open.has(state));
    const facts = hub.factsOf(model, viewer);
    const slots = able.reduce((sum, node) => sum + node.max_parallel, 0);
    const free = able.reduce((sum, node) => sum + freeSlots(node), 0);
    return {
      id: model,
      state: able.length === 0 ? "unavailable" : free > 0 ? "ready" : "busy",
      slots,
      free_slots: free,
      waiting: scheduler.waitingFor(model),
      capabilities: {
        endpoints: [...facts?.endpoints ?? []],
        context_length: facts?.contextLength ?? null,
        max_output_tokens: facts?.maxOutputTokens ?? null,
        tools: facts?.tools ?? null,
        vision: facts?.vision ?? null,
        thinking: facts?.thinking ?? null,
        loaded: facts?.loaded ?? null,
      },
      nodes: nodes.slice(0, MAX_NODES),
    };
  }

  function modelNode(node: Node, model: string, accountId: string): ModelNode {
    const { who, label, offer, active } = node;
    return {
      id: who.publicId,
      name: label ?? offer.name,
      state: stateOf(node, model, node.stateWithoutPenalties),
      active_tasks: active,
      max_parallel: offer.maxParallel,
      mine: who.accountId === accountId,
    };
  }

  /** The node's state for one model. `state`: the node's without penalties; the model's own penalty is added to it. */
  function stateOf(node: Node, model: string, state: NodeState): NodeState {
    if (!open.has(state)) return state;
    const circuit = penalties.circuit(node.who.nodeKey, model);
    if (circuit === "clear") return state;
    return circuit === "penalized" ? "penalized" : "probing";
  }
}

const unknownSpeed = { first_token_p50_ms: null, tokens_per_second: null };

function speedIn(
  speeds: Awaited<ReturnType<AppParts["usage"]["speeds"]>>,
  model: string,
): Pick<ModelView, keyof typeof unknownSpeed> {
  const { first_token_p50_ms, tokens_per_second } = speeds.get(model) ?? unknownSpeed;
  return { first_token_p50_ms, tokens_per_second };
}

function freeSlots({ state, active_tasks, max_parallel }: ModelNode): number {
  const free = Math.max(0, max_parallel - active_tasks);
  // One call at a time tries a node that is probing.
  return state === "probing" ? Math.min(1, free) : free;
}

/** Models: what is offered now, by which nodes, and how busy it is. */

import { z } from "@hono/zod-openapi";
import { NodeState } from "./nodes.ts";

export const ModelNode = z.object({
  id: z.string(),
  name: z.string(),
  state: NodeState.describe("The node's state as far as this model goes."),
  active_tasks: z.number(),
  max_parallel: z.number(),
  mine: z.boolean(),
}).meta({ id: "ModelNode", description: "A node that offers a model." });
export type ModelNode = z.infer<typeof ModelNode>;

export const ModelView = z.object({
  id: z.string(),
  state: z.enum(["ready", "busy", "unavailable"]).describe(
    "`ready`: a call would be taken at once. `busy`: it would wait. `unavailable`: no node takes calls of it now.",
  ),
  slots: z.number().describe("Of nodes that take calls of it now."),
  free_slots: z.number(),
  waiting: z.number().describe("Calls that wait for it."),
  capabilities: z.object({
    endpoints: z.array(z.string())
      .describe("Paths: `/v1/chat/completions` … A model that cannot chat lacks that one."),
    context_length: z.number().nullable()
      .describe("Prompt and answer together, in tokens; null: not known, here and below."),
    max_output_tokens: z.number().nullable(),
    tools: z.boolean().nullable(),
    vision: z.boolean().nullable(),
    thinking: z.boolean().nullable().describe("Whether it can reason before it answers."),
    loaded: z.boolean().nullable().describe("Whether it is in memory at one of its nodes."),
  }),
  first_token_p50_ms: z.number().nullable().describe(
    "Time to first token of everyone's streams of the last 24 hours; null: there were none.",
  ),
  tokens_per_second: z.number().nullable().describe("Of the same streams."),
  nodes: z.array(ModelNode),
}).meta({ id: "Model" });
export type ModelView = z.infer<typeof ModelView>;

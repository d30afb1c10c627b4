/** Names that lead to models: aliases; and what administrators say about models. */

import { z } from "@hono/zod-openapi";
import { described, label, note } from "./fields.ts";

const modelName = label(256);

export const AliasTarget = z.strictObject({
  model: modelName.describe("A model, or another alias by its exact name."),
  context_at_least: z.int().min(1).max(100_000_000).optional().describe(
    "Taken only where every node that offers the model states a context of at least so many tokens.",
  ),
  needs: z.array(z.enum(["tools", "vision"])).max(2).optional()
    .describe("Taken only where every node that offers the model states that it can."),
  prefer: z.enum(["loaded", "own", "fastest"]).optional().describe(
    "`loaded`: passed over at first unless the model is in memory somewhere. `own`: passed over at first unless a node of the caller's account has a free slot for it. `fastest`: targets beside each other that say so are tried in the order of their measured speed.",
  ),
  max_wait_s: z.number().min(0).max(600).optional().describe(
    "How long a call waits for a slot here before the next target is tried; default 0.",
  ),
  weight: z.int().min(1).max(1000).optional().describe(
    "Targets beside each other that have one are tried in a random order, the heavier the more often first.",
  ),
}).meta({ id: "AliasTarget" });
export type AliasTarget = z.infer<typeof AliasTarget>;

export const AliasName = modelName.describe(
  "As callers write it; with `*` it is a pattern, in which a star stands for any characters.",
);

export const NewAlias = z.strictObject({
  name: AliasName,
  targets: z.array(AliasTarget).min(1).max(16).describe("In the order in which they are tried."),
}).meta({ id: "NewAlias" });
export type NewAlias = z.infer<typeof NewAlias>;

export const AliasView = z.object({
  name: z.string(),
  targets: z.array(AliasTarget),
  leads_to: z.array(z.object({
    model: z.string(),
    offered: z.boolean().describe("Whether a connected node offers it now."),
  })).describe("The models that its calls can reach, through other aliases too, in order."),
  problem: z.string().nullable()
    .describe("Why calls of it fail whatever is offered, such as a loop; null: nothing is wrong."),
  fault: z.object({
    code: z.enum(["loop", "too_long", "too_many_models"]),
    limit: z.number().nullable().describe("How many aliases or models there may be."),
    way: z.array(z.string()).describe("The aliases on the way, the first and the last included."),
  }).nullable().describe("The same as `problem`, for programs."),
}).meta({ id: "Alias" });
export type AliasView = z.infer<typeof AliasView>;

export const ModelDefaults = z.strictObject({
  temperature: z.number().min(0).max(2).optional(),
  max_tokens: z.int().min(1).max(10_000_000).optional(),
}).meta({ id: "ModelDefaults", description: "What a call sends where its caller sends nothing." });
export type ModelDefaults = z.infer<typeof ModelDefaults>;

export const ModelSettings = z.strictObject({
  name: modelName,
  note: note(500).optional().describe("Shown beside the model."),
  hidden: z.boolean().optional()
    .describe("Whether the lists of models leave it out; who knows its name may call it."),
  groups: z.array(z.string().min(1).max(60)).min(1).max(100).optional()
    .describe("Groups whose members alone may call it, by id or name; absent: everybody may."),
  defaults: described(ModelDefaults, "Inserted into calls that do not say it.").optional(),
}).meta({ id: "ModelSettings", description: "What administrators say about a model." });
export type ModelSettings = z.infer<typeof ModelSettings>;

export const NameQuery = z.object({ name: z.string().min(1).max(256) });

/** What may stand under a provider's `models`: a list of models, `auto`, or `auto` with rules. */

import { z } from "zod";
import { Endpoint, type EndpointName } from "../../protocol/endpoint.ts";
import { isModelName, MODEL_NAME_RULE } from "../../protocol/model_name.ts";
import { phrase } from "../../text/mod.ts";
import { type ProviderType, providerTypes } from "../adapter/provider_types.ts";
import { offerPolicyShape } from "./policy_shape.ts";

const text = z.string().min(1, { error: phrase`must not be empty` });

const patterns = z.array(text).min(1, { error: phrase`must name at least one pattern` }).optional();

const rules = z.strictObject({
  prefix: z.string().refine((prefix) => isModelName(`${prefix}x`), {
    error: phrase`must be the beginning of names that callers can ask for`,
  }).optional(),
  allow: patterns,
  deny: patterns,
});

const auto = z.literal("auto", { error: phrase`must be a list of models, or "auto"` });
const autoWithRules = z.strictObject({ auto: rules });

/** The keys that stand under `models` and under `auto`, for whatever type of provider. */
export const modelKeys = [...Object.keys(modelShape("openai").shape), "auto"];
export const autoKeys = Object.keys(rules.shape);

/** A list of endpoints by name, each one that the type can serve. */
export function endpointsShape(type: ProviderType) {
  const names = (Object.keys(Endpoint) as EndpointName[])
    .filter((name) => providerTypes[type].endpoints.includes(Endpoint[name]));
  return z.array(z.enum(names, {
    error: phrase`must be one of those that a provider of type "${type}" can serve: ${
      names.join(", ")
    }`,
  })).min(1, { error: phrase`must name at least one endpoint` });
}

/** Checked as the one of the three forms that was meant, so that the problems are precise. */
export function modelsShape(type: ProviderType) {
  const list = z.array(modelShape(type)).min(1, { error: phrase`must name at least one model` });
  return z.unknown().check(({ value, issues }) => {
    const isGroup = typeof value === "object" && value !== null && !Array.isArray(value);
    const shape = typeof value === "string" ? auto : isGroup ? autoWithRules : list;
    for (const issue of shape.safeParse(value).error?.issues ?? []) {
      issues.push({ ...issue, input: issue.input } as typeof issues[number]);
    }
  });
}

function modelShape(type: ProviderType) {
  return z.strictObject({
    local: text,
    server_mapping: text.optional(),
    endpoints: endpointsShape(type).optional(),
    policy: offerPolicyShape.optional(),
  }).check(({ value, issues }) => {
    const offered = value.server_mapping ?? value.local;
    if (isModelName(offered)) return;
    const path = [value.server_mapping === undefined ? "local" : "server_mapping"];
    issues.push({
      code: "custom",
      path,
      input: offered,
      message: phrase`must be ${MODEL_NAME_RULE}`,
    });
  });
}

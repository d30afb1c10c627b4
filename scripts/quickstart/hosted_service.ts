/** Hosted models, for which a key stands in the environment. The key stays there: the node reads it itself. */

import { isChatModel, type ModelSource, type Place, type Surroundings } from "./model_source.ts";

const PROBE_MS = 10_000;

interface Service {
  name: string;
  type: "openai" | "claude";
  keyVariable: string;
  baseVariable: string;
  /** What the provider takes as its address when none is set. */
  base: string;
  /** Added to the base where it does not end so; the model list is asked for below it. */
  version: string;
  headers: (key: string) => Record<string, string>;
  /** The first that the list has is taken: quick and cheap ones. */
  preferred: readonly RegExp[];
}

const services: readonly Service[] = [
  {
    name: "OpenAI",
    type: "openai",
    keyVariable: "OPENAI_API_KEY",
    baseVariable: "OPENAI_BASE_URL",
    base: "https://api.openai.com/v1",
    version: "",
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    preferred: [/^gpt-5-mini$/, /^gpt-4\.1-mini$/, /^gpt-4o-mini$/, /^gpt-.*mini$/, /^gpt-/],
  },
  {
    name: "Anthropic",
    type: "claude",
    keyVariable: "ANTHROPIC_API_KEY",
    baseVariable: "ANTHROPIC_BASE_URL",
    base: "https://api.anthropic.com",
    version: "/v1",
    headers: (key) => ({ "x-api-key": key, "anthropic-version": "2023-06-01" }),
    preferred: [/haiku/, /sonnet/],
  },
];

export const hostedServices: readonly Place[] = services.map((service) => (surroundings) =>
  look(service, surroundings)
);

async function look(service: Service, { env, fetch }: Surroundings): Promise<ModelSource | null> {
  const key = env[service.keyVariable]?.trim();
  if (!key) return null;
  const base = (env[service.baseVariable]?.trim() || service.base).replace(/\/+$/, "");
  const models = await listModels(service, base, key, fetch);
  const chosen = service.preferred
    .map((name) => models.find((model) => name.test(model) && isChatModel(model)))
    .find((model) => model !== undefined) ?? models.find(isChatModel);
  if (chosen === undefined) {
    throw new Error(`${service.name} at ${base} lists no chat model for ${service.keyVariable}`);
  }
  return {
    origin: `${service.name} (${service.keyVariable})`,
    model: chosen,
    provider: {
      type: service.type,
      api_key: `\${${service.keyVariable}}`,
      ...(base !== service.base && { base_url: base }),
    },
  };
}

async function listModels(
  { name, version, headers, keyVariable }: Service,
  base: string,
  key: string,
  fetch: Surroundings["fetch"],
): Promise<string[]> {
  const url = `${base.endsWith(version) ? base : base + version}/models`;
  const response = await fetch(url, {
    headers: headers(key),
    signal: AbortSignal.timeout(PROBE_MS),
  }).catch((error) => {
    throw new Error(`${name} cannot be reached: ${error.message}; ${keyVariable} is not used`);
  });
  if (!response.ok) {
    throw new Error(`${name} refused ${keyVariable} with ${response.status}; set a valid one`);
  }
  const { data } = await response.json() as { data?: { id: string }[] };
  return (data ?? []).map((model) => model.id);
}

/** The shape of a configuration, and the problems of one that does not have it, in words. */

import { z } from "zod";
import {
  isVisibleName,
  MAX_MODELS_PER_NODE,
  MAX_PARALLEL_LIMIT,
  type ShareWith,
  shareWithProblems,
  VISIBLE_NAME_RULE,
} from "../../protocol/mod.ts";
import { everyEndpoint } from "../../protocol/endpoint.ts";
import { phrase } from "../../text/mod.ts";
import { type ProviderType, providerTypes } from "../adapter/provider_types.ts";
import { didYouMean } from "./did_you_mean.ts";
import { autoKeys, endpointsShape, modelKeys, modelsShape } from "./models_shape.ts";
import { offerPolicyShape, policyKeys, policyShape } from "./policy_shape.ts";

export interface ShapeProblem {
  /** Keys and indexes from the top. */
  path: (string | number)[];
  /** Set where the key itself is wrong, not its value. */
  key?: string;
  message: string;
}

const PLACEHOLDER_TOKEN = "client-your-token-here";

/** The Keys page shows API keys beside node tokens, and people copy the wrong one. */
const API_KEY_PREFIX = "sk-colink-";

const headers = z.record(z.string(), z.string())
  .refine(areHeaders, { error: phrase`has a name or a value that HTTP headers cannot have` });

/** The endings that people copy along with an address: an endpoint's last step, or the list of models. */
const ENDPOINT_PATH = new RegExp(
  `/(${["models", ...everyEndpoint.map((path) => path.split("/").at(-1))].join("|")})/*$`,
);

const providerShape = (type: ProviderType) =>
  z.strictObject({
    type: z.literal(type),
    api_key: z.string().optional(),
    proxy: z.string().refine((text) => text === "none" || isProxy(text), {
      error: phrase`must be an address such as "http://proxy:3128", or none`,
    }).optional(),
    base_url: z.string().refine(hasNoCredentials, {
      error:
        phrase`must have no user name and password in it; put them into headers, as authorization`,
    }).refine((text) => isUrl(text, "http:", "https:"), {
      error: phrase`must be an address such as "http://127.0.0.1:11434/v1"`,
    }).refine((text) => !ENDPOINT_PATH.test(URL.parse(text)?.pathname ?? ""), {
      error:
        phrase`must end before the endpoint: the node appends /chat/completions and others itself`,
    }).optional(),
    api_path: z.string().regex(/^\/[^?#]*$/, {
      error: phrase`must be a path such as "/v1", or "/" where the API has none`,
    }).optional(),
    headers: headers.optional(),
    endpoints: endpointsShape(type).optional(),
    models: modelsShape(type),
    policy: offerPolicyShape.optional(),
    ...providerTypes[type].options,
  });

type ProviderShape = ReturnType<typeof providerShape>;

const typeNames = Object.keys(providerTypes) as ProviderType[];
const providerShapes = typeNames.map(providerShape) as [ProviderShape, ...ProviderShape[]];

const serverUrl = z.string().refine(hasNoCredentials, {
  error: phrase`must have no user name and password in it; the node token says who the node is`,
}).refine((text) => isUrl(text, "ws:", "wss:", "http:", "https:"), {
  error: phrase`must be an address such as "wss://your-server/ws"`,
});

const MAX_SERVER_URLS = 100;

/** 10,000 calls need no more than 1,250. */
const MAX_READ_AHEAD_MIB = 4096;

const shareWithShape = z.custom<ShareWith>().superRefine((value, context) => {
  for (const { index, message } of shareWithProblems(value)) {
    context.addIssue({ code: "custom", message, path: index === null ? [] : [index] });
  }
});

const shape = z.strictObject({
  client_token: z.string().min(1, { error: phrase`must not be empty` })
    .refine((token) => token !== PLACEHOLDER_TOKEN, {
      error: phrase`is still the example's; copy your own node token from the console's Keys page`,
    })
    .refine((token) => !token.startsWith(API_KEY_PREFIX), {
      error: phrase`is an API key, which calls models; nodes need the node token, client-…`,
    })
    .refine((token) => !/[^\x21-\x7e]/.test(token), {
      error: phrase`has characters that no token has; copy it again from the console's Keys page`,
    }),
  server_url: serverUrl,
  server_urls: z.array(serverUrl).max(MAX_SERVER_URLS, {
    error: phrase`must be at most ${MAX_SERVER_URLS} addresses`,
  }).optional(),
  max_parallel: z.int().min(1, { error: phrase`must be 1 or more` })
    .max(MAX_PARALLEL_LIMIT, { error: phrase`must be at most ${MAX_PARALLEL_LIMIT}` }).optional(),
  name: z.string().max(200, { error: phrase`must be at most 200 characters` })
    .refine((name) => name === "" || isVisibleName(name), {
      error: phrase`must be ${VISIBLE_NAME_RULE}`,
    })
    .optional(),
  policy: policyShape.optional(),
  share_with: shareWithShape.optional(),
  report_machine: z.boolean().optional(),
  read_ahead_mib: z.int().min(0, { error: phrase`must be 0 or more` })
    .max(MAX_READ_AHEAD_MIB, { error: phrase`must be at most ${MAX_READ_AHEAD_MIB}` }).optional(),
  check_updates: z.boolean().optional(),
  ca_file: z.string().optional(),
  client_cert_file: z.string().optional(),
  client_key_file: z.string().optional(),
  providers: z.array(z.discriminatedUnion("type", providerShapes)),
});

/** The keys of each level, by the key above it, to guess what a misspelt one meant. */
const knownKeys: Readonly<Record<string, readonly string[]>> = Object.freeze({
  "": Object.keys(shape.shape),
  providers: [...new Set(providerShapes.flatMap((one) => Object.keys(one.shape)))],
  models: modelKeys,
  auto: autoKeys,
  policy: policyKeys,
});

/** All that is wrong with a configuration. */
export function problemsOf(value: unknown): ShapeProblem[] {
  const result = shape.safeParse(value);
  const issues = result.success
    ? []
    : result.error.issues.flatMap((issue) => inWords(issue, value));
  return [...issues, ...duplicateMappings(value), ...tooManyModels(value)];
}

function inWords(issue: z.core.$ZodIssue, value: unknown): ShapeProblem[] {
  const path = issue.path.map((step) => typeof step === "number" ? step : String(step));
  const name = nameOf(path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({ path, key, message: unknownKey(path, key) }));
    case "invalid_type": {
      const found = at(value, path);
      if (path.length === 0) {
        return [{ path, message: phrase`the configuration must be keys, not ${kindOf(found)}` }];
      }
      const message = found === undefined
        ? `${name} ${phrase`is missing`}`
        : `${name} ${phrase`must be ${kindNames[issue.expected] ?? issue.expected}, not ${
          kindOf(found)
        }`}`;
      return [{ path, message }];
    }
    case "invalid_union": {
      const types = typeNames.map((type) => `"${type}"`).join(", ");
      const given = at(value, path);
      const type = spokenTypeOf(given);
      const message = type === null
        ? `${name} ${phrase`must be one of ${types}`}`
        : `${name} ${phrase`must be one of ${types}; for ${given} write type: "${type}`}`;
      return [{ path, message }];
    }
    default:
      return [{ path, message: `${name} ${issue.message}` }];
  }
}

const kindNames: Readonly<Record<string, string>> = Object.freeze({
  string: phrase`text`,
  int: phrase`a whole number`,
  number: phrase`a whole number`,
  boolean: phrase`true or false`,
  array: phrase`a list`,
  object: phrase`a group of keys`,
  record: phrase`a group of keys`,
});

/** Names of servers and providers that people write as a type, and what they speak. */
const spokenBy: readonly [RegExp, string][] = [
  [/^ollama$/i, 'openai", with base_url: "http://127.0.0.1:11434/v1"'],
  [/^lm[\s_-]?studio$/i, 'openai", with base_url: "http://127.0.0.1:1234/v1"'],
  [/^vllm$/i, 'openai", with base_url: "http://127.0.0.1:8000/v1"'],
  [/^llama[\s._-]?cpp$/i, 'openai", with base_url: "http://127.0.0.1:8080/v1"'],
  [/^sglang$/i, 'openai", with base_url: "http://127.0.0.1:30000/v1"'],
  [/^(anthropic|claude.*)$/i, 'claude"'],
  [/^(openai.*|open-ai|gpt|azure|groq|deepseek|mistral|openrouter|localai|tgi)$/i, 'openai"'],
];

function spokenTypeOf(given: unknown): string | null {
  return spokenBy.find(([name]) => typeof given === "string" && name.test(given))?.[1] ?? null;
}

function unknownKey(path: (string | number)[], key: string): string {
  const level = path.findLast((step) => typeof step === "string") ?? "";
  const known = knownKeys[level] ?? [];
  const name = nameOf([...path, key]);
  if (level === "policy" && known.includes(key)) {
    return `${name} ${phrase`is for the node's own policy`}`;
  }
  if (known.includes(key)) return `${name} ${phrase`is not for this type of provider`}`;
  const guess = didYouMean(key, known);
  return guess === null
    ? `${name} ${phrase`is not known`}`
    : `${name} ${phrase`is not known; did you mean ${guess}?`}`;
}

/** Two models of one provider must not have the same name; of two providers they may, which means failover. */
function duplicateMappings(value: unknown): ShapeProblem[] {
  const providers = at(value, ["providers"]);
  if (!Array.isArray(providers)) return [];
  return providers.flatMap((provider: unknown, p) => {
    const models = at(provider, ["models"]);
    if (!Array.isArray(models)) return [];
    const seen = new Set<unknown>();
    return models.flatMap((model: unknown, m) => {
      const mapped = at(model, ["server_mapping"]);
      const name = mapped ?? at(model, ["local"]);
      if (typeof name !== "string") return [];
      const isFirst = !seen.has(name);
      seen.add(name);
      if (isFirst) return [];
      const path = ["providers", p, "models", m, mapped === undefined ? "local" : "server_mapping"];
      return [{
        path,
        message: `${nameOf(path)}: ${phrase`"${name}" is mapped twice in this provider`}`,
      }];
    });
  });
}

/** A file must name a provider; a library's user may bring adapters instead. */
export function noProviders(value: unknown): ShapeProblem[] {
  const providers = at(value, ["providers"]);
  return Array.isArray(providers) && providers.length === 0
    ? [{ path: ["providers"], message: `providers ${phrase`must name at least one provider`}` }]
    : [];
}

function tooManyModels(value: unknown): ShapeProblem[] {
  const providers = at(value, ["providers"]);
  if (!Array.isArray(providers)) return [];
  const count = providers.reduce((sum: number, provider: unknown) => {
    const models = at(provider, ["models"]);
    return sum + (Array.isArray(models) ? models.length : 0);
  }, 0);
  return count <= MAX_MODELS_PER_NODE ? [] : [{
    path: ["providers"],
    message: phrase`providers offer ${count} models; a node may offer ${MAX_MODELS_PER_NODE}`,
  }];
}

function nameOf(path: readonly (string | number)[]): string {
  if (path.length === 0) return "the configuration";
  return path.map((step, i) => typeof step === "number" ? `[${step}]` : i === 0 ? step : `.${step}`)
    .join("");
}

function at(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === "object" && inner !== null
        ? (inner as Record<string | number, unknown>)[step]
        : undefined,
    value,
  );
}

function kindOf(value: unknown): string {
  if (value === null) return phrase`nothing`;
  if (Number.isFinite(value) && !Number.isInteger(value)) return phrase`a fraction`;
  if (Array.isArray(value)) return phrase`a list`;
  return { string: phrase`text`, object: phrase`a group of keys`, boolean: phrase`true or false` }[
    typeof value as string
  ] ?? phrase`a number`;
}

function isUrl(text: string, ...protocols: string[]): boolean {
  const url = URL.parse(text);
  return url !== null && protocols.includes(url.protocol) && url.hostname !== "";
}

/** A proxy's credentials stand in its address. */
function isProxy(text: string): boolean {
  return isUrl(text, "http:", "https:");
}

function hasNoCredentials(text: string): boolean {
  const url = URL.parse(text);
  return url === null || url.username === "" && url.password === "";
}

function areHeaders(map: Record<string, string>): boolean {
  try {
    new Headers(map);
    return true;
  } catch {
    return false;
  }
}

/** Reads a provider's model list, in any of the shapes that compatible servers use. */

import { Endpoint, isEndpoint, type ModelCapabilities } from "../../../protocol/mod.ts";
import { type ListedModel, UpstreamFailure } from "../adapter.ts";
import { isObject, type Json } from "../json_object.ts";

/** The models in a list's JSON text, without duplicates. Throws an UpstreamFailure for any other text. */
export function readListing(text: string): ListedModel[] {
  return modelsIn(listEntries(text));
}

/** The models in a list's entries, without duplicates. */
export function modelsIn(entries: readonly Json[]): ListedModel[] {
  const models = new Map<string, ListedModel>();
  for (const entry of entries) {
    const id = entry.id ?? entry.name;
    if (typeof id !== "string" || id === "" || entry.lifecycle === "retired") continue;
    if (!models.has(id)) models.set(id, { id, capabilities: capabilitiesIn(entry) });
  }
  return [...models.values()];
}

/** The id after which the next page begins; null: this was the last page. */
export function nextPage(text: string): string | null {
  const { has_more, last_id } = JSON.parse(text) as Json;
  return has_more === true && typeof last_id === "string" ? last_id : null;
}

/** The entries of a list's JSON text. Throws an UpstreamFailure for any other text. */
export function listEntries(text: string): Json[] {
  try {
    const value: unknown = JSON.parse(text);
    const entries = Array.isArray(value) ? value : (value as Json | null)?.data;
    if (Array.isArray(entries)) return entries.filter(isObject);
    // Ollama without models.
    if (entries === null) return [];
  } catch { /* not JSON: the same failure */ }
  throw new UpstreamFailure(502, "The provider's answer is no list of models");
}

/** Servers' names for the context length; the first one present counts. */
const lengths: readonly string[][] = [
  ["context_length"],
  ["max_model_len"],
  ["max_input_tokens"],
  ["context_window"],
  ["max_context_length"],
  ["meta", "n_ctx"],
  ["meta", "n_ctx_train"],
];

/** Servers' names for the longest answer. */
const answerLengths: readonly string[][] = [
  ["max_output_tokens"],
  ["top_provider", "max_completion_tokens"],
  ["max_completion_tokens"],
  ["max_tokens"],
];

const toolProbes: readonly Probe[] = [
  isTrue("tools"),
  isTrue("capabilities", "function_calling"),
  isTrue("capabilities", "tools"),
  names(["supported_parameters"], "tools"),
  names(["capabilities"], "tools", "tool_use"),
];

const thinkingProbes: readonly Probe[] = [
  isTrue("thinking"),
  isTrue("capabilities", "thinking"),
  isTrue("capabilities", "reasoning"),
  names(["supported_parameters"], "reasoning", "reasoning_effort"),
  names(["capabilities"], "thinking", "reasoning"),
];

const visionProbes: readonly Probe[] = [
  isTrue("vision"),
  isTrue("capabilities", "vision"),
  isTrue("capabilities", "image_input"),
  names(["architecture", "input_modalities"], "image"),
  names(["input_modalities"], "image"),
  names(["capabilities"], "vision", "multimodal"),
];

const loadedProbes: readonly Probe[] = [isTrue("loaded")];

/** Reads one capability from an entry; undefined: the entry does not state it. */
type Probe = (entry: Json) => boolean | undefined;

function capabilitiesIn(entry: Json): ModelCapabilities {
  const capabilities: ModelCapabilities = {};
  const endpoints = endpointsIn(entry);
  const length = lengths.map((path) => at(entry, path)).find(isPositive);
  const answer = answerLengths.map((path) => at(entry, path)).find(isPositive);
  const tools = firstKnown(toolProbes, entry);
  const vision = firstKnown(visionProbes, entry);
  const thinking = firstKnown(thinkingProbes, entry);
  const loaded = firstKnown(loadedProbes, entry);
  if (endpoints !== undefined) capabilities.endpoints = endpoints;
  if (length !== undefined) capabilities.context_length = length;
  if (tools !== undefined) capabilities.tools = tools;
  if (vision !== undefined) capabilities.vision = vision;
  if (answer !== undefined) capabilities.max_output_tokens = answer;
  if (thinking !== undefined) capabilities.thinking = thinking;
  if (loaded !== undefined) capabilities.loaded = loaded;
  return capabilities;
}

/** Servers' `type` of models that serve one endpoint only. */
const onlyEndpoints: ReadonlyMap<string, Endpoint> = new Map([
  ["embedding", Endpoint.embeddings],
  ["embeddings", Endpoint.embeddings],
  ["rerank", Endpoint.rerank],
  ["reranker", Endpoint.rerank],
  ["moderation", Endpoint.moderations],
  ["moderations", Endpoint.moderations],
]);

/** The endpoint of models of a type that serve one endpoint only; undefined: it is another type. */
export function endpointOfType(type: string): Endpoint | undefined {
  return onlyEndpoints.get(type);
}

/** Other gateways list a model's endpoints; some servers only mark models that cannot chat. */
function endpointsIn({ endpoints, type }: Json): Endpoint[] | undefined {
  if (Array.isArray(endpoints)) {
    const known = endpoints.filter((path) => typeof path === "string" && isEndpoint(path));
    return known.length > 0 ? known : undefined;
  }
  const only = typeof type === "string" ? endpointOfType(type) : undefined;
  return only === undefined ? undefined : [only];
}

function firstKnown(probes: readonly Probe[], entry: Json): boolean | undefined {
  return probes.map((probe) => probe(entry)).find((value) => value !== undefined);
}

/** Capabilities are listed as `true` or as `{"supported": true}`. */
function isTrue(...path: string[]): Probe {
  return (entry) => {
    const value = at(entry, path);
    const flag = isObject(value) ? value.supported : value;
    return typeof flag === "boolean" ? flag : undefined;
  };
}

function names(path: string[], ...words: string[]): Probe {
  return (entry) => {
    const list = at(entry, path);
    return Array.isArray(list) ? list.some((word) => words.includes(String(word))) : undefined;
  };
}

function at(entry: Json, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => isObject(inner) ? inner[key] : undefined, entry);
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

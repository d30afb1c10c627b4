/** Finds model servers on this machine, by what they answer and not by their port; and providers whose key is in the environment. */

import { Endpoint } from "../../protocol/mod.ts";
import { providerTypes } from "../adapter/provider_types.ts";
import type { ProviderConfig } from "../config/config.ts";
import { realWorld } from "../world.ts";
import { t } from "../texts.ts";

export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  fetch: (url: string, init?: RequestInit) => Promise<Response>;
}

/** A model server or a provider, with its models. */
export interface FoundServer {
  /** `Ollama` */
  name: string;
  /** Its address, or the environment variable with its key. */
  place: string;
  /** As it stands in config.yaml. */
  provider: Pick<ProviderConfig, "type" | "base_url" | "api_key">;
  models: FoundModel[];
  /** How many calls it can probably run at the same time. */
  parallel: number;
  /** Whether its calls are paid for. */
  isHosted: boolean;
}

export interface FoundModel {
  id: string;
  kind: "chat" | "embedding";
  sizeBytes?: number;
  contextLength?: number;
}

/** Servers on this machine answer at once; a provider may be far away. */
const LOCAL_WITHIN_MS = 1_500;
const HOSTED_WITHIN_MS = 10_000;

/** The ports of Ollama, LM Studio, vLLM, llama.cpp and SGLang. */
const PORTS = [11434, 1234, 8000, 8080, 30000];

/** Looks everywhere at the same time. What does not answer is left out. */
export async function discover(surroundings: Surroundings): Promise<FoundServer[]> {
  const found = await Promise.all([
    ...localAddresses(surroundings.env).map((base) => localServer(surroundings, base)),
    ...hosted.map((service) => hostedService(surroundings, service)),
  ]);
  return found.filter((server) => server !== null && server.models.length > 0) as FoundServer[];
}

function localAddresses({ OLLAMA_HOST }: Surroundings["env"]): string[] {
  const all = [ollamaAddress(OLLAMA_HOST), ...PORTS.map((port) => `http://127.0.0.1:${port}`)];
  return [...new Set(all)];
}

/** `OLLAMA_HOST` as Ollama itself reads it: any of host, port and scheme may be missing. */
function ollamaAddress(host = ""): string {
  const hasScheme = /^https?:\/\//.test(host);
  const text = host === "" ? "127.0.0.1" : host.startsWith(":") ? `127.0.0.1${host}` : host;
  const url = URL.parse(hasScheme ? text : `http://${text}`);
  if (url === null) return "http://127.0.0.1:11434";
  if (url.port === "" && !hasScheme && !/:80$/.test(text)) url.port = "11434";
  // What a server listens on is not what one can dial.
  if (url.hostname === "0.0.0.0" || url.hostname === "[::]") url.hostname = "127.0.0.1";
  return url.href.replace(/\/$/, "");
}

/** A kind of server: recognised by an answer that no other kind gives. Null: it is another kind. */
type Recognise = (ask: Ask) => Promise<Pick<FoundServer, "name" | "models" | "parallel"> | null>;

/** The JSON at a path; null: none. */
type Ask = (path: string, body?: object) => Promise<Json | null>;

// deno-lint-ignore no-explicit-any -- a model server's JSON: every member is checked where it is used
type Json = any;

/** The most telling first: most of them speak OpenAI's dialect, too. */
const kinds: readonly Recognise[] = [ollama, lmStudio, openAiServer];

async function localServer(surroundings: Surroundings, base: string): Promise<FoundServer | null> {
  const ask = askAt(surroundings, base);
  for (const recognise of kinds) {
    const found = await recognise(ask);
    if (found === null) continue;
    const provider = { type: "openai", base_url: `${base}/v1` } as const;
    return { ...found, place: base, provider, isHosted: false };
  }
  return null;
}

function askAt({ fetch }: Surroundings, base: string): Ask {
  return async (path, body) => {
    try {
      const response = await fetch(base + path, {
        signal: AbortSignal.timeout(LOCAL_WITHIN_MS),
        ...(body && { method: "POST", body: JSON.stringify(body) }),
      });
      return response.ok ? await response.json() : null;
    } catch {
      // No server listens there, or it speaks something else.
      return null;
    }
  };
}

/** Models of which details are asked for. */
const MAX_DETAILS = 50;

async function ollama(ask: Ask) {
  const tags = listIn(await ask("/api/tags"), "models");
  if (tags === null || tags.some(({ name }) => typeof name !== "string")) return null;
  // Ollama's cloud models run elsewhere.
  const own = tags.filter(({ remote_host }) => !remote_host);
  const details = await Promise.all(
    own.slice(0, MAX_DETAILS).map(({ name }) => ask("/api/show", { model: name })),
  );
  const models = own.map(({ name, size, details: { family } = {} as Json }, i): FoundModel => {
    const { capabilities, model_info } = details[i] ?? {};
    const isEmbedding = Array.isArray(capabilities)
      ? capabilities.includes("embedding")
      : /bert/.test(String(family)) || !isChatName(name);
    const context = Object.entries(model_info ?? {})
      .find(([key]) => key.endsWith(".context_length"))?.[1];
    return model(name, isEmbedding, { sizeBytes: size, contextLength: context });
  });
  return { name: "Ollama", models, parallel: 2 };
}

async function lmStudio(ask: Ask) {
  const list = listIn(await ask("/api/v0/models"), "data");
  if (list === null) return null;
  const models = list.filter(({ id }) => typeof id === "string").map((one): FoundModel =>
    model(one.id, one.type === "embeddings", {
      contextLength: one.loaded_context_length ?? one.max_context_length,
    })
  );
  return { name: "LM Studio", models, parallel: 1 };
}

/** By `owned_by` in their lists; servers that say something else still work. */
const owners: Readonly<Record<string, { name: string; parallel: number }>> = {
  vllm: { name: "vLLM", parallel: 16 },
  sglang: { name: "SGLang", parallel: 16 },
  llamacpp: { name: "llama.cpp", parallel: 1 },
};

async function openAiServer(ask: Ask) {
  const list = listIn(await ask("/v1/models"), "data")
    ?.filter(({ id }) => typeof id === "string") ?? [];
  const [first] = list;
  if (first === undefined) return null;
  const known = owners[String(first.owned_by)] ?? { name: t`A model server`, parallel: 2 };
  // llama.cpp says how many calls it runs at the same time.
  const props = first.owned_by === "llamacpp" ? await ask("/props") : null;
  const slots = props?.total_slots;
  const models = list.map((one): FoundModel =>
    model(one.id, !isChatName(one.id), {
      sizeBytes: one.meta?.size,
      contextLength: props?.default_generation_settings?.n_ctx ?? one.max_model_len ??
        one.meta?.n_ctx_train,
    })
  );
  return { ...known, models, parallel: isPositive(slots) ? Math.min(slots, 64) : known.parallel };
}

interface HostedService {
  name: string;
  type: "openai" | "claude";
  keyVariable: string;
  baseVariable: string;
}

const hosted: readonly HostedService[] = [
  {
    name: "OpenAI",
    type: "openai",
    keyVariable: "OPENAI_API_KEY",
    baseVariable: "OPENAI_BASE_URL",
  },
  {
    name: "Anthropic",
    type: "claude",
    keyVariable: "ANTHROPIC_API_KEY",
    baseVariable: "ANTHROPIC_BASE_URL",
  },
];

/** The key stays in the environment: config.yaml names the variable. */
async function hostedService(
  { env, fetch }: Surroundings,
  { name, type, keyVariable, baseVariable }: HostedService,
): Promise<FoundServer | null> {
  const key = env[keyVariable]?.trim();
  if (!key) return null;
  const baseUrl = env[baseVariable]?.trim();
  const place = baseUrl ? { base_url: baseUrl } : {};
  const adapter = new providerTypes[type]({ api_key: key, ...place }, { ...realWorld, fetch });
  const listed = await adapter.models?.(AbortSignal.timeout(HOSTED_WITHIN_MS)).catch(() => null);
  const models = (listed ?? []).flatMap(({ id, capabilities }): FoundModel[] => {
    const isEmbedding = /embed/i.test(id) ||
      capabilities.endpoints?.includes(Endpoint.embeddings) === true;
    return isEmbedding || isChatName(id)
      ? [model(id, isEmbedding, { contextLength: capabilities.context_length })]
      : [];
  });
  const provider = { type, api_key: `\${${keyVariable}}`, ...place };
  return { name, place: keyVariable, provider, models, parallel: 4, isHosted: true };
}

function model(
  id: string,
  isEmbedding: boolean,
  { sizeBytes, contextLength }: { sizeBytes?: unknown; contextLength?: unknown },
): FoundModel {
  return {
    id,
    kind: isEmbedding ? "embedding" : "chat",
    ...(isPositive(sizeBytes) && { sizeBytes }),
    ...(isPositive(contextLength) && { contextLength }),
  };
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function listIn(json: Json | null, member: string): Json[] | null {
  const list = json?.[member];
  return Array.isArray(list) ? list.filter((one) => typeof one === "object" && one !== null) : null;
}

/** By name: whether a model chats, rather than embeds, ranks, speaks or draws. */
function isChatName(name: string): boolean {
  return !/embed|rerank|\bbge\b|\bgte\b|\be5\b|minilm|whisper|\btts\b|\bclip\b|moderation|dall-e|image|audio|realtime|transcribe|sora|davinci|babbage/i
    .test(name);
}

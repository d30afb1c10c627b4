/** Model servers on this machine, known by what their model list says and not by their port. */

import { isChatModel, type ModelSource, type Place, type Surroundings } from "./model_source.ts";

/** A server that runs here answers its model list at once. */
const PROBE_MS = 1500;

/** In the order in which they are preferred. */
export const localServers: readonly Place[] = [
  ollama,
  lmStudio,
  // vLLM's port, and that of others that speak OpenAI's dialect.
  openAiServer(8000),
  // llama.cpp's. Also where a gateway like ours may listen: that one asks for a key and thereby drops out.
  openAiServer(8080),
];

interface OllamaModel {
  name: string;
  size?: number;
  remote_host?: string;
  details?: { family?: string };
}

async function ollama(surroundings: Surroundings): Promise<ModelSource | null> {
  const base = ollamaAddress(surroundings.env.OLLAMA_HOST);
  const models = await list<OllamaModel>(surroundings, `${base}/api/tags`, "models");
  if (models === null) return null;
  const loaded = await list<OllamaModel>(surroundings, `${base}/api/ps`, "models") ?? [];
  // Loaded ones answer at once, small ones soon.
  const rank = ({ name, size }: OllamaModel) =>
    loaded.some((one) => one.name === name) ? 0 : size ?? Infinity;
  const chosen = models
    .filter(({ name, details, remote_host }) =>
      isChatModel(name) && !/bert/.test(details?.family ?? "") && !remote_host
    )
    .toSorted((a, b) => rank(a) - rank(b))[0];
  if (chosen === undefined) {
    throw new Error(`Ollama at ${base} has no chat model; get one with: ollama pull llama3.2`);
  }
  return source("Ollama", base, chosen.name);
}

/** `OLLAMA_HOST` as Ollama itself reads it: any of host, port and scheme may be missing. */
export function ollamaAddress(host = ""): string {
  const hasScheme = /^https?:\/\//.test(host);
  const text = host === "" ? "127.0.0.1" : host.startsWith(":") ? `127.0.0.1${host}` : host;
  const url = new URL(hasScheme ? text : `http://${text}`);
  if (url.port === "" && !hasScheme && !/:80$/.test(text)) url.port = "11434";
  // What a server listens on is not what one can dial.
  if (url.hostname === "0.0.0.0" || url.hostname === "[::]") url.hostname = "127.0.0.1";
  return url.href.replace(/\/$/, "");
}

interface LmStudioModel {
  id: string;
  type?: string;
  state?: string;
}

async function lmStudio(surroundings: Surroundings): Promise<ModelSource | null> {
  const base = "http://127.0.0.1:1234";
  const models = await list<LmStudioModel>(surroundings, `${base}/api/v0/models`, "data") ??
    await list<LmStudioModel>(surroundings, `${base}/v1/models`, "data");
  if (models === null) return null;
  const chosen = models
    .filter(({ id, type }) => type === undefined ? isChatModel(id) : type !== "embeddings")
    .toSorted((a, b) => Number(b.state === "loaded") - Number(a.state === "loaded"))[0];
  if (chosen === undefined) {
    throw new Error(`LM Studio at ${base} has no chat model; load one in its window`);
  }
  return source("LM Studio", base, chosen.id);
}

function openAiServer(port: number): Place {
  return async (surroundings) => {
    const base = `http://127.0.0.1:${port}`;
    const models = await list<{ id: string }>(surroundings, `${base}/v1/models`, "data");
    const chosen = models?.find(({ id }) => typeof id === "string" && isChatModel(id));
    return chosen === undefined ? null : source("the model server", base, chosen.id);
  };
}

function source(name: string, base: string, model: string): ModelSource {
  return {
    origin: `${name} at ${base}`,
    model,
    // These ask for no key, but some clients insist on sending one.
    provider: { type: "openai", api_key: "none", base_url: `${base}/v1` },
  };
}

/** Null: nothing there that answers with such a list. */
async function list<T>(
  { fetch }: Surroundings,
  url: string,
  field: string,
): Promise<T[] | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) });
    if (!response.ok) return null;
    const items = (await response.json() as Record<string, unknown> | null)?.[field];
    return Array.isArray(items) ? items as T[] : null;
  } catch {
    // Nothing listens there, or it speaks something else: either way, not a model server.
    return null;
  }
}

/** Ollama: capabilities by model from `/api/show`, and what is in memory from `/api/ps`. */

import { LRUCache } from "lru-cache";
import { isObject, type Json } from "../json_object.ts";
import type { NativeApi } from "./native_api.ts";
import {
  type DetailsByModel,
  idOf,
  isOwnedBy,
  known,
  type ModelDetails,
  positive,
  type Purpose,
  type ServerKind,
  type ServerReader,
  type ServerReport,
} from "./server_kind.ts";

const MAX_MODELS = 1_000;

/** Requests for details that run at a time: the server has calls to answer, too. */
const MAX_PARALLEL = 4;

export const ollama: ServerKind = {
  name: "ollama",
  // Models that a user has built or fetched elsewhere have other owners.
  isIn: (list) => isOwnedBy(list, "library"),
  proof: { path: "api/tags", isOwn: ({ models }) => Array.isArray(models) },
  reader: () => new OllamaReader(),
};

/** What `/api/tags` says of a model. */
interface Tag {
  digest: string;
  /** Whether it runs at Ollama's own service. */
  isRemote: boolean;
}

class OllamaReader implements ServerReader {
  /** By model and digest. */
  readonly #shown = new LRUCache<string, ModelDetails>({ max: MAX_MODELS });
  /** The context with which a model was last in memory, by model and digest: often less than what it was trained for. */
  readonly #contexts = new LRUCache<string, number>({ max: MAX_MODELS });

  async read(
    api: NativeApi,
    entries: readonly Json[],
    signal: AbortSignal,
  ): Promise<ServerReport> {
    const [tags, running] = await Promise.all([tagsOf(api, signal), runningOf(api, signal)]);
    const details = new Map<string, ModelDetails>();
    const queue = entries.map((entry) => ({ id: idOf(entry), created: entry.created })).values();
    const work = async () => {
      for (const { id, created } of queue) {
        const tag = tags.get(id);
        const key = `${id}\n${tag?.digest ?? String(created ?? "")}`;
        const shown = this.#shown.get(key) ?? await this.#show(api, id, key, signal);
        details.set(id, { ...shown, ...this.#memory(id, key, running, tag) });
      }
    };
    await Promise.all(Array.from({ length: MAX_PARALLEL }, work));
    return { version: null, details };
  }

  async #show(
    api: NativeApi,
    model: string,
    key: string,
    signal: AbortSignal,
  ): Promise<ModelDetails> {
    const answer = signal.aborted
      ? null
      : await api.post("api/show", JSON.stringify({ model }), signal);
    if (answer === null) return {};
    const details = detailsIn(answer);
    this.#shown.set(key, details);
    return details;
  }

  #memory(
    id: string,
    key: string,
    running: DetailsByModel | null,
    tag: Tag | undefined,
  ): ModelDetails {
    const context_length = running?.get(id)?.context_length;
    if (context_length !== undefined) this.#contexts.set(key, context_length);
    return known({
      context_length: this.#contexts.get(key),
      loaded: running === null || tag?.isRemote ? undefined : running.has(id),
    });
  }
}

async function tagsOf(api: NativeApi, signal: AbortSignal): Promise<Map<string, Tag>> {
  const models = modelsIn(await api.get("api/tags", signal)) ?? [];
  return new Map(models.map(({ name, digest, remote_host, remote_model }) => [
    String(name),
    { digest: String(digest), isRemote: Boolean(remote_host || remote_model) },
  ]));
}

/** The models in memory; null: unknown. */
async function runningOf(api: NativeApi, signal: AbortSignal): Promise<DetailsByModel | null> {
  const models = modelsIn(await api.get("api/ps", signal));
  return models && new Map(models.map(({ name, context_length }) => [
    String(name),
    known({ context_length: positive(context_length) }),
  ]));
}

function modelsIn(answer: Json | null): Json[] | null {
  return Array.isArray(answer?.models) ? answer.models.filter(isObject) : null;
}

const purposes: Readonly<Record<string, Purpose>> = Object.freeze({
  completion: "chat",
  embedding: "embeddings",
  image: "other",
});

/** Versions before 0.6.4 list no capabilities. */
function detailsIn({ capabilities, model_info: info, parameters }: Json): ModelDetails {
  const words = Array.isArray(capabilities) && capabilities.length > 0 ? capabilities : null;
  const served = (words ?? []).flatMap((word) => purposes[String(word)] ?? []);
  return known({
    purposes: served.length > 0 ? served : undefined,
    context_length: contextIn(isObject(info) ? info : {}, parameters),
    tools: words?.includes("tools"),
    vision: words?.includes("vision"),
    thinking: words?.includes("thinking"),
  });
}

/** The context that the model's own parameters set, else the one that it was trained for. */
function contextIn(info: Json, parameters: unknown): number | undefined {
  const set = /^num_ctx\s+(\d+)/m.exec(typeof parameters === "string" ? parameters : "")?.[1];
  const trained = info[`${String(info["general.architecture"])}.context_length`];
  return positive(Number(set)) ?? positive(trained);
}

/** vLLM: its version, and from its own description whether it generates. */

import { isObject, type Json } from "../json_object.ts";
import type { NativeApi } from "./native_api.ts";
import {
  idOf,
  isOwnedBy,
  known,
  type Purpose,
  type ServerKind,
  type ServerReader,
  type ServerReport,
} from "./server_kind.ts";

export const vllm: ServerKind = {
  name: "vllm",
  isIn: (list) => isOwnedBy(list, "vllm"),
  reader: () => new VllmReader(),
};

class VllmReader implements ServerReader {
  /** The paths of a server with this version and these models. */
  #paths: { of: string; are: Json } | null = null;

  /** The list itself tells the context. A server that answers has its model in memory. */
  async read(
    api: NativeApi,
    entries: readonly Json[],
    signal: AbortSignal,
  ): Promise<ServerReport> {
    const { version } = await api.get("version", signal) ?? {};
    const paths = await this.#pathsOf(api, JSON.stringify([version, entries.map(idOf)]), signal);
    const details = known({ purposes: purposesIn(paths), loaded: true });
    return {
      version: typeof version === "string" ? version : null,
      details: new Map(entries.map((entry) => [idOf(entry), details])),
    };
  }

  async #pathsOf(api: NativeApi, of: string, signal: AbortSignal): Promise<Json> {
    if (this.#paths?.of === of) return this.#paths.are;
    const { paths } = await api.get("openapi.json", signal) ?? {};
    if (!isObject(paths)) return {};
    this.#paths = { of, are: paths };
    return paths;
  }
}

/** Newer versions have only the paths that the model can serve; older ones have all of them. */
function purposesIn(paths: Json): Purpose[] | undefined {
  const [chat, embeddings, rerank] = ["chat/completions", "embeddings", "rerank"]
    .map((path) => Object.hasOwn(paths, `/v1/${path}`));
  if (chat === embeddings) return undefined;
  if (chat) return ["chat"];
  return rerank ? ["embeddings", "rerank"] : ["embeddings"];
}

/** llama.cpp's server: context, images and template from `/props`; several models in its router mode. */

import { isObject, type Json } from "../json_object.ts";
import type { NativeApi } from "./native_api.ts";
import {
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

/** Models of a router whose properties are asked for at a time. */
const MAX_ROUTED = 20;

export const llamaCpp: ServerKind = {
  name: "llama.cpp",
  isIn: (list) => /^llama\.cpp/i.test(list.header) || isOwnedBy(list, "llamacpp"),
  proof: { path: "props", isOwn: (answer) => isObject(answer.default_generation_settings) },
  reader: () => new LlamaCppReader(),
};

class LlamaCppReader implements ServerReader {
  /** Of the server as it was last seen. */
  #purposes: { of: string; are: Purpose[] } | null = null;

  async read(
    api: NativeApi,
    entries: readonly Json[],
    signal: AbortSignal,
  ): Promise<ServerReport> {
    const routed = entries.filter(({ status }) => isObject(status));
    if (routed.length > 0) {
      return { version: null, details: await routedDetails(api, routed, signal) };
    }
    const props = await api.get("props", signal);
    if (props === null) return { version: null, details: new Map() };
    const all = known({
      ...detailsIn(props),
      purposes: await this.#purposesOf(api, props, signal),
    });
    return {
      version: typeof props.build_info === "string" ? props.build_info : null,
      details: new Map(entries.map((entry) => [idOf(entry), all])),
    };
  }

  /**
   * A server started with `--embeddings` or `--reranking` does nothing else, and any other answers
   * 501 before it reads the body. Undefined: unknown.
   */
  async #purposesOf(
    api: NativeApi,
    { build_info, model_path, default_generation_settings }: Json,
    signal: AbortSignal,
  ): Promise<Purpose[] | undefined> {
    const of = JSON.stringify([build_info, model_path, default_generation_settings]);
    if (this.#purposes?.of === of) return this.#purposes.are;
    const embeddings = await api.statusOf("v1/embeddings", "{}", signal);
    if (embeddings === null || !ANSWERS.has(embeddings)) return undefined;
    const rerank = embeddings === NOT_SUPPORTED
      ? NOT_SUPPORTED
      : await api.statusOf("v1/rerank", "{}", signal);
    const are: Purpose[] = embeddings === NOT_SUPPORTED
      ? ["chat"]
      : rerank === NOT_SUPPORTED
      ? ["embeddings"]
      : ["rerank"];
    this.#purposes = { of, are };
    return are;
  }
}

const NOT_SUPPORTED = 501;
/** Statuses by which the server shows that it has looked at the request, which lacks its input. */
const ANSWERS: ReadonlySet<number> = new Set([400, 500, NOT_SUPPORTED]);

function detailsIn(props: Json): ModelDetails {
  const { default_generation_settings: settings, modalities, chat_template_caps: caps } = props;
  const template = typeof props.chat_template === "string" ? props.chat_template : "";
  return known({
    // Of one slot, and so of one call.
    context_length: positive(isObject(settings) ? settings.n_ctx : undefined),
    vision: flag(modalities, "vision"),
    tools: flag(caps, "supports_tools"),
    thinking: /<think>|enable_thinking|reasoning_content|<\|channel\|>/.test(template) || undefined,
    loaded: props.is_sleeping !== true,
    systemFirst: /system message must be at the beginning/i.test(template) || undefined,
  });
}

function flag(holder: unknown, name: string): boolean | undefined {
  const value = isObject(holder) ? holder[name] : undefined;
  return typeof value === "boolean" ? value : undefined;
}

/** A router lists how each model is started; only those in memory have properties. */
async function routedDetails(
  api: NativeApi,
  entries: readonly Json[],
  signal: AbortSignal,
): Promise<Map<string, ModelDetails>> {
  const details = new Map<string, ModelDetails>();
  let asked = 0;
  for (const entry of entries) {
    const id = idOf(entry);
    const { value, args } = entry.status as Json;
    const loaded = value === "loaded";
    const query = { model: id, autoload: "false" };
    const props = loaded && asked++ < MAX_ROUTED ? await api.get("props", signal, query) : null;
    const started = startedWith(Array.isArray(args) ? args.map(String) : []);
    details.set(id, known({ ...started, ...(props ? detailsIn(props) : {}), loaded }));
  }
  return details;
}

function startedWith(args: readonly string[]): ModelDetails {
  const has = (...names: string[]) => args.some((arg) => names.includes(arg));
  const size = args[args.findIndex((arg) => arg === "-c" || arg === "--ctx-size") + 1];
  const purposes: Purpose[] | undefined = has("--rerank", "--reranking")
    ? ["rerank"]
    : has("--embedding", "--embeddings")
    ? ["embeddings"]
    : args.length > 0
    ? ["chat"]
    : undefined;
  return known({
    purposes,
    context_length: args.length > 0 ? positive(Number(size)) : undefined,
  });
}

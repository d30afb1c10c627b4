/** LM Studio: the models' type, state and context from `/api/v0/models`. */

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
  type ServerReport,
} from "./server_kind.ts";

export const lmStudio: ServerKind = {
  name: "lm studio",
  isIn: (list) => isOwnedBy(list, "organization_owner"),
  proof: {
    path: "api/v0/models",
    isOwn: ({ data }) => Array.isArray(data) && data.some((one) => isObject(one) && "state" in one),
  },
  reader: () => ({ read }),
};

async function read(
  api: NativeApi,
  _entries: readonly Json[],
  signal: AbortSignal,
): Promise<ServerReport> {
  const answer = await api.get("api/v0/models", signal);
  const models = Array.isArray(answer?.data) ? answer.data.filter(isObject) : [];
  const details = new Map(models.map((model) => [idOf(model), detailsIn(model)]));
  return { version: null, details };
}

const purposes: Readonly<Record<string, Purpose>> = Object.freeze({
  llm: "chat",
  vlm: "chat",
  embeddings: "embeddings",
});

function detailsIn(model: Json): ModelDetails {
  const { type, state, capabilities } = model;
  const purpose = purposes[String(type)];
  return known({
    purposes: purpose && [purpose],
    context_length: positive(model.loaded_context_length) ?? positive(model.max_context_length),
    tools: Array.isArray(capabilities) ? capabilities.includes("tool_use") : undefined,
    vision: typeof type === "string" ? type === "vlm" : undefined,
    loaded: typeof state === "string" ? state === "loaded" : undefined,
  });
}

/** SGLang: from `/get_model_info` whether its model generates and sees. */

import { type Json } from "../json_object.ts";
import type { NativeApi } from "./native_api.ts";
import {
  idOf,
  isOwnedBy,
  known,
  type Purpose,
  type ServerKind,
  type ServerReport,
} from "./server_kind.ts";

export const sglang: ServerKind = {
  name: "sglang",
  isIn: (list) => isOwnedBy(list, "sglang"),
  reader: () => ({ read }),
};

/** A server that answers has its model in memory. */
async function read(
  api: NativeApi,
  entries: readonly Json[],
  signal: AbortSignal,
): Promise<ServerReport> {
  // Later versions deprecate the first name.
  const info = await api.get("get_model_info", signal) ?? await api.get("model_info", signal);
  const { is_generation: generates, has_image_understanding: sees } = info ?? {};
  const purpose: Purpose = generates ? "chat" : "embeddings";
  const details = known({
    purposes: typeof generates === "boolean" ? [purpose] : undefined,
    vision: typeof sees === "boolean" ? sees : undefined,
    loaded: true,
  });
  return { version: null, details: new Map(entries.map((entry) => [idOf(entry), details])) };
}

/** The kinds of servers whose own API is known, in the order in which they are looked for. */

import { llamaCpp } from "./llama_cpp.ts";
import { lmStudio } from "./lm_studio.ts";
import { ollama } from "./ollama.ts";
import type { ServerKind } from "./server_kind.ts";
import { sglang } from "./sglang.ts";
import { vllm } from "./vllm.ts";

export const serverKinds: readonly ServerKind[] = Object.freeze([
  ollama,
  llamaCpp,
  vllm,
  sglang,
  lmStudio,
]);

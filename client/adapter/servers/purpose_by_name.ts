/** Guesses what a model is for from its name, where neither the list nor the server's own API says. */

import type { Purpose } from "./server_kind.ts";

const rules: readonly [pattern: RegExp, purposes: Purpose[]][] = [
  [/rerank/i, ["rerank"]],
  [/embed|(^|\/)(all-minilm|bge|e5|gte|paraphrase)-/i, ["embeddings"]],
  [/moderation/i, ["moderations"]],
  [/^(chatgpt-image|dall-e|gpt-image|sora|tts|whisper)-|-(realtime|transcribe|tts)\b/i, ["other"]],
];

/** Undefined: the name does not tell. */
export function purposesByName(model: string): readonly Purpose[] | undefined {
  return rules.find(([pattern]) => pattern.test(model))?.[1];
}

/** The shapes that model servers answer with, as small as they may be. */

const head = { id: "chatcmpl-1", created: 1_700_000_000, model: "local-model" };

/** One `chat.completion.chunk` that says `content`. */
export function piece(content: string) {
  return chunk({ role: "assistant", content }, null);
}

/** The chunk that ends a stream. */
export function ending() {
  return chunk({}, "stop");
}

/** The chunk before a stream's end that tells what was used, and nothing else. */
export function usageOnly(usage: { prompt_tokens: number; completion_tokens: number }) {
  const total_tokens = usage.prompt_tokens + usage.completion_tokens;
  return {
    ...head,
    object: "chat.completion.chunk",
    choices: [],
    usage: { ...usage, total_tokens },
  };
}

/** A whole `chat.completion`. */
export function whole(content: string) {
  const message = { role: "assistant", content, refusal: null };
  const choice = { index: 0, message, logprobs: null, finish_reason: "stop" };
  return { ...head, object: "chat.completion", choices: [choice] };
}

function chunk(delta: { role?: string; content?: string }, finish_reason: string | null) {
  return {
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason }],
  };
}

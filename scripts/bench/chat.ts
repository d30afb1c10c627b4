/** The chat calls of the benchmark: what is asked, and the fixed answers that the upstream gives. */

/** How an answer is streamed. */
export interface Streaming {
  /** Chunks with content, before the closing `[DONE]`. */
  chunks: number;
  /** Between two chunks; 0: as fast as they are taken. */
  paceMs: number;
}

export interface ChatCall {
  model: string;
  /** Null: one JSON answer. */
  streaming: Streaming | null;
  /** About so long is the conversation; default: one short message. */
  promptBytes?: number;
}

/** Served by the real node, which asks the upstream. */
export const RELAYED_MODEL = "bench-relayed";

/** The call's JSON body. How to stream is stated in `user`, which travels to the upstream unchanged. */
export function chatBody({ model, streaming, promptBytes = 0 }: ChatCall): string {
  const way = streaming === null
    ? {}
    : { stream: true, user: `${MARK}${streaming.chunks}:${streaming.paceMs}` };
  return JSON.stringify({ model, ...way, messages: conversation(promptBytes) });
}

/** Reads back how a body wants to be answered. */
export function streamingOf(body: Buffer | string): Streaming | null {
  const at = body.indexOf(`"${MARK}`);
  if (at < 0) return null;
  const from = at + 1 + MARK.length;
  const [chunks = 0, paceMs = 0] = body.slice(from, body.indexOf('"', from)).toString().split(":")
    .map(Number);
  return { chunks, paceMs };
}

const MARK = "bench:";
const ID = "chatcmpl-bench-0123456789abcdef";
const CREATED = 1_700_000_000;
const USAGE = { prompt_tokens: 12, completion_tokens: 24, total_tokens: 36 };

/** The answer to a call that does not stream. */
export const completion = JSON.stringify({
  id: ID,
  object: "chat.completion",
  created: CREATED,
  model: RELAYED_MODEL,
  choices: [{
    index: 0,
    message: {
      role: "assistant",
      content: "The quick brown fox jumps over the lazy dog, once and again.",
    },
    logprobs: null,
    finish_reason: "stop",
  }],
  usage: USAGE,
});

/** A chunk in the middle of a stream, and the last one with content. */
export const middleChunk = chunk([choice(" token", null)]);
export const lastChunk = chunk([choice(" end", "stop")]);

/** Sent before `[DONE]` to those who asked for it. */
export const usageChunk = chunk([], { usage: USAGE });

function choice(content: string, finish_reason: string | null) {
  return { index: 0, delta: { content }, logprobs: null, finish_reason };
}

function chunk(choices: unknown[], more: object = {}): string {
  const head = { id: ID, object: "chat.completion.chunk", created: CREATED, model: RELAYED_MODEL };
  return JSON.stringify({ ...head, system_fingerprint: "fp_bench", choices, ...more });
}

/** Turns of prose with the quotes, line breaks and accents that real conversations have. */
function conversation(bytes: number): { role: string; content: string }[] {
  const question = { role: "user", content: "Say something short about foxes." };
  const turns = Array.from({ length: Math.floor(bytes / TURN_BYTES) }, (_, i) => ({
    role: i % 2 === 0 ? "user" : "assistant",
    content: TURN_TEXT,
  }));
  return [...turns, question];
}

const TURN_TEXT = ('She said: "wait".\n\tThen a long line of plain prose follows, as in any ' +
  "conversation, with a naïve café in it. ").repeat(5).trim();
const TURN_BYTES = Buffer.byteLength(JSON.stringify({ role: "assistant", content: TURN_TEXT })) + 1;

/** The proof that all of it works: one streamed answer, through gateway and node. */

import { EventSourceParserStream } from "eventsource-parser/stream";

/** A large model may have to be loaded from disk first. */
const ANSWER_WITHIN_MS = 180_000;

/** A model that rambles has proved the way with this much; it need not be read to its end. */
const ENOUGH_CHARS = 200;

export interface Question {
  url: string;
  apiToken: string;
  model: string;
  /** Aborts when the answer can no longer come. */
  signal: AbortSignal;
}

/** Resolves with the text that was streamed. Rejects unless it ended with `[DONE]`, or was long enough to be believed. */
export async function firstAnswer({ url, apiToken, model, signal }: Question): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${apiToken}` },
    body: JSON.stringify({
      model,
      stream: true,
      messages: [{ role: "user", content: "Say hello." }],
    }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
  });
  if (!response.ok || response.body === null) {
    throw new Error(`the gateway answered ${response.status} ${await response.text()}`);
  }
  return await readStream(response.body);
}

interface Chunk {
  error?: { message: string };
  choices?: { delta?: { content?: string | null } }[];
}

async function readStream(body: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  // The two type libraries disagree about what a decoder's input is.
  const decoder = new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>;
  const events = body.pipeThrough(decoder).pipeThrough(new EventSourceParserStream());
  for await (const { data } of events) {
    if (data === "[DONE]") return text;
    const { error, choices } = JSON.parse(data) as Chunk;
    if (error) throw new Error(error.message);
    text += choices?.[0]?.delta?.content ?? "";
    if (text.length >= ENOUGH_CHARS) return text;
  }
  throw new Error(`the stream broke off after ${JSON.stringify(text.slice(0, 80))}`);
}

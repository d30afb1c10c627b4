/** Prompts to which a model server answers as if it, and not the request, were at fault. */

export const HONEST_MODEL = "honest";

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;

const streamed = (error: object) => () =>
  new Response(
    event({ choices: [{ index: 0, delta: { role: "assistant", content: "he" } }] }) + event(error),
    { headers: { "content-type": "text/event-stream" } },
  );
const json = (status: number, error: object) => () => Response.json({ error }, { status });

export interface Poison {
  prompt: string;
  isStream: boolean;
  answer: () => Response;
}

export const POISONS: readonly Poison[] = [
  { isStream: false, answer: json(501, { code: 501, message: "not supported" }) },
  { isStream: false, answer: json(500, { code: 500, message: "image input is not supported" }) },
  { isStream: false, answer: () => new Response("Internal Server Error", { status: 500 }) },
  { isStream: false, answer: json(429, { message: "Request too large for this model" }) },
  { isStream: false, answer: json(200, { type: "invalid_request_error", message: "no" }) },
  { isStream: true, answer: streamed({ error: { code: "context_length_exceeded" } }) },
  { isStream: true, answer: streamed({ object: "error", code: 400, message: "no" }) },
].map((poison, i) => ({ ...poison, prompt: `poison ${i}` }));

/** aimock's fixtures for both dialects, keyed by the last user message. */

import type { LLMock } from "@copilotkit/aimock";

/** The user messages. */
export const Say = Object.freeze({
  hello: "say hello",
  tools: "use two tools",
  withResult: "use a tool and its result",
  json: "answer in JSON",
  think: "think first",
  long: "go on for ever",
  cut: "break off",
  disconnect: "hang up",
  garbled: "talk nonsense",
  limit: "too often",
  wrong: "ask wrongly",
  down: "fail inside",
  locked: "refuse the key",
});

export const HELLO = "Grüße from afar, 👩‍👩‍👧!";
export const THOUGHT = "Six by nine.";
export const PERSON = Object.freeze({ name: "Ada", age: 36 });

/** Two tool calls in one answer. */
export const CALLS = Object.freeze([
  { name: "get_weather", arguments: `{"city":"Köln"}` },
  { name: "get_time", arguments: "{}" },
]);

/** Usage under both dialects' names. */
const USAGE = Object.freeze({
  prompt_tokens: 5,
  completion_tokens: 7,
  input_tokens: 5,
  output_tokens: 7,
});

/** Registers all fixtures. */
export function tellStories(mock: LLMock): LLMock {
  const refusal = (status: number, message: string, type: string) => ({
    error: { message, type, code: `code_${status}` },
    status,
  });
  return mock
    .on({ userMessage: Say.withResult, hasToolResult: true }, { content: "It is 21 degrees." })
    .on({ userMessage: Say.withResult }, { toolCalls: [{ ...CALLS[0]!, id: "call_weather" }] })
    .onMessage(Say.hello, { content: HELLO, usage: { ...USAGE } })
    .onMessage(Say.tools, { toolCalls: CALLS.map((call) => ({ ...call })) })
    .onMessage(Say.json, { content: JSON.stringify(PERSON) })
    .onMessage(Say.think, { content: "42", reasoning: THOUGHT })
    .onMessage(Say.long, { content: "on and on and", finishReason: "length" })
    .onMessage(Say.cut, { content: "a rather long answer that is cut short" }, {
      // The text before the truncation must have arrived first.
      latency: 10,
      truncateAfterChunks: 6,
      chunkSize: 4,
    })
    .onMessage(Say.disconnect, { content: "never said" }, { chaos: { disconnectRate: 1 } })
    .onMessage(Say.garbled, { content: "never said" }, { chaos: { malformedRate: 1 } })
    .onMessage(Say.limit, { ...refusal(429, "slow down", "rate_limit_error"), retryAfter: 7 })
    .onMessage(Say.wrong, refusal(400, "top_p is out of range", "invalid_request_error"))
    .onMessage(Say.down, refusal(500, "stack trace of the provider", "api_error"))
    .onMessage(Say.locked, refusal(401, "invalid key sk-aimock", "authentication_error"))
    .onEmbedding("embed this", { embedding: [0.25, -1.5, 3] });
}

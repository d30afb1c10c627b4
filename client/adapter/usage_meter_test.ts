import { expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { usageMeter } from "./usage_meter.ts";

function counted(endpoint: Endpoint, ...pieces: (object | string)[]) {
  const { count: _, ...meter } = metered(endpoint, pieces);
  return meter;
}

function metered(endpoint: Endpoint, pieces: (object | string)[]) {
  const meter = usageMeter(endpoint);
  for (const piece of pieces) {
    meter.count(typeof piece === "string" ? piece : JSON.stringify(piece));
  }
  return meter;
}

test("chat chunks are counted by content, and their usage is reported", () => {
  const delta = (delta: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason }],
  });
  expect(counted(
    Endpoint.chat,
    delta({ role: "assistant", content: "" }),
    delta({ content: "a" }),
    delta({ reasoning_content: "b" }),
    delta({ tool_calls: [{ index: 0, function: { arguments: "{" } }] }),
    delta({}, "tool_calls"),
    { choices: [], usage: { prompt_tokens: 3, completion_tokens: 4 } },
  )).toEqual({
    pieces: 6,
    promptTokens: 3,
    completionTokens: 4,
    tokenEvents: 3,
    finishReason: "tool_calls",
    responseId: null,
  });
});

test("plain events add their stated number of token events", () => {
  const meter = usageMeter(Endpoint.chat);
  meter.count({ bytes: new Uint8Array(9), tokenEvents: 5 });
  expect([meter.pieces, meter.tokenEvents]).toEqual([1, 5]);
});

test("embeddings have prompt tokens only", () => {
  const answer = { object: "list", data: [], usage: { prompt_tokens: 8, total_tokens: 8 } };
  expect(counted(Endpoint.embeddings, answer)).toMatchObject({
    promptTokens: 8,
    completionTokens: null,
    tokenEvents: 0,
  });
});

test("the total counts as prompt tokens if no more is reported", () => {
  const ranked = (usage: object) => counted(Endpoint.rerank, { results: [], usage });
  expect(ranked({ total_tokens: 9 })).toMatchObject({ promptTokens: 9, completionTokens: null });
  expect(ranked({ prompt_tokens: 8, total_tokens: 9 })).toMatchObject({ promptTokens: 8 });
  expect(counted(Endpoint.chat, { usage: { completion_tokens: 3, total_tokens: 9 } }))
    .toMatchObject({ promptTokens: null, completionTokens: 3 });
});

test("a response's events give its tokens, its finish reason and its id", () => {
  const response = { object: "response", id: "resp_1", store: true };
  const usage = { input_tokens: 5, output_tokens: 6, input_tokens_details: { cached_tokens: 2 } };
  expect(counted(
    Endpoint.responses,
    { type: "response.created", response },
    { type: "response.output_text.delta", delta: "a" },
    { type: "response.output_text.done", text: "a" },
    { type: "response.completed", response: { ...response, usage } },
  )).toMatchObject({
    promptTokens: 5,
    completionTokens: 6,
    tokenEvents: 1,
    finishReason: "completed",
    responseId: "resp_1",
  });
});

test("a whole response gives the same; one that was not stored has no id", () => {
  const usage = { input_tokens: 5, output_tokens: 6 };
  const answer = (store: boolean) => ({ object: "response", id: "resp_1", store, usage });
  expect(counted(Endpoint.responses, answer(true))).toMatchObject({
    promptTokens: 5,
    completionTokens: 6,
    responseId: "resp_1",
  });
  expect(counted(Endpoint.responses, answer(false)).responseId).toBeNull();
});

test("Claude's cached tokens are part of the prompt, and later counts replace earlier ones", () => {
  const start = {
    input_tokens: 5,
    cache_read_input_tokens: 10,
    cache_creation_input_tokens: 20,
    output_tokens: 1,
  };
  expect(counted(
    Endpoint.messages,
    { type: "message_start", message: { id: "msg_1", usage: start } },
    { type: "content_block_delta", delta: { type: "text_delta", text: "a" } },
    { type: "content_block_delta", delta: { type: "input_json_delta", partial_json: "{" } },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn" },
      usage: { input_tokens: 6, output_tokens: 7 },
    },
  )).toMatchObject({
    promptTokens: 36,
    completionTokens: 7,
    tokenEvents: 2,
    finishReason: "end_turn",
    responseId: null,
  });
});

test("usage inside the last chunk's choice is reported", () => {
  const usage = { prompt_tokens: 1336, completion_tokens: 31 };
  const last = { choices: [{ index: 0, delta: {}, finish_reason: "stop", usage }] };
  expect(counted(Endpoint.chat, last)).toMatchObject({
    promptTokens: 1336,
    completionTokens: 31,
    finishReason: "stop",
  });
});

test("reported zeros stay zeros", () => {
  const usage = { prompt_tokens: 0, completion_tokens: 0 };
  expect(counted(Endpoint.chat, { choices: [], usage })).toMatchObject({
    promptTokens: 0,
    completionTokens: 0,
  });
});

test("zeros of an API that must have numbers are none, and those of chat are", () => {
  const zeros = { input_tokens: 0, output_tokens: 0 };
  const delta = { type: "content_block_delta", delta: { type: "text_delta", text: "a" } };
  const none = { promptTokens: null, completionTokens: null };
  const start = { type: "message_start", message: { usage: zeros } };
  const end = { type: "message_delta", usage: zeros };
  expect(counted(Endpoint.messages, start, delta, end)).toMatchObject({ ...none, tokenEvents: 1 });
  const completed = { type: "response.completed", response: { id: "r", usage: zeros } };
  expect(counted(Endpoint.responses, completed)).toMatchObject(none);
  const usage = { prompt_tokens: 0, completion_tokens: 0 };
  expect(counted(Endpoint.chat, { choices: [], usage }))
    .toMatchObject({ promptTokens: 0, completionTokens: 0 });
  expect(counted(Endpoint.messages, start, { usage: { input_tokens: 5, output_tokens: 7 } }))
    .toMatchObject({ promptTokens: 5, completionTokens: 7 });
});

/** What a body must contain at each endpoint, before it becomes a call. */

import { describe, expect, test } from "bun:test";
import { type CallBody, Endpoint } from "../../protocol/mod.ts";
import { ColinkError } from "../base/error.ts";
import { checkedBody } from "./body.ts";
import { checkBody, endpoints, errorFormatOf, routingFields } from "./endpoints.ts";
import { anthropic, openAi, openAiResponses } from "./error_format.ts";

const bodyOf = (value: unknown) =>
  checkedBody(new TextEncoder().encode(JSON.stringify(value))) as CallBody;

function errorOf(check: () => unknown): ColinkError | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof ColinkError) return error;
    throw error;
  }
}

const messages = [{ role: "user", content: "hi" }];

/** Bodies by endpoint, and the member that the error names; null: the body is valid. */
const bodies: [path: Endpoint, body: object, param: string | null][] = [
  [Endpoint.chat, { messages }, null],
  [Endpoint.chat, { messages, stream_options: null, stream: true }, null],
  [Endpoint.chat, { messages, stream_options: {} }, null],
  [Endpoint.chat, { messages, stream_options: [] }, "stream_options"],
  [Endpoint.chat, { messages: [] }, "messages"],
  [Endpoint.chat, { messages: "hi" }, "messages"],
  [Endpoint.chat, {}, "messages"],
  [Endpoint.completions, { prompt: "hi" }, null],
  [Endpoint.completions, { prompt: ["hi"] }, null],
  [Endpoint.completions, { prompt: null }, null],
  [Endpoint.completions, { prompt: [] }, "prompt"],
  [Endpoint.completions, { prompt: 1 }, "prompt"],
  [Endpoint.completions, { prompt: "hi", stream_options: 1 }, "stream_options"],
  [Endpoint.embeddings, { input: "hi" }, null],
  [Endpoint.embeddings, { input: [] }, "input"],
  [Endpoint.embeddings, { input: {} }, "input"],
  [Endpoint.embeddings, { input: "hi", stream: true }, "stream"],
  [Endpoint.embeddings, { input: "hi", stream: false }, null],
  [Endpoint.responses, {}, null],
  [Endpoint.responses, { input: [] }, null],
  [Endpoint.responses, { input: null, previous_response_id: null }, null],
  [Endpoint.responses, { input: 1 }, "input"],
  [Endpoint.responses, { previous_response_id: 1 }, "previous_response_id"],
  [Endpoint.responses, { messages }, "input"],
  [Endpoint.responses, { input: "hi", messages }, null],
  [Endpoint.responses, { input: "hi", conversation: null }, null],
  [Endpoint.responses, { input: "hi", conversation: "conv_1" }, "conversation"],
  [Endpoint.responses, { input: "hi", background: true }, null],
  [Endpoint.responses, { input: "hi", background: false }, null],
  [Endpoint.messages, { messages, max_tokens: 1 }, null],
  [Endpoint.messages, { messages }, "max_tokens"],
  [Endpoint.messages, { messages, max_tokens: "1" }, "max_tokens"],
  [Endpoint.count_tokens, { messages }, null],
  [Endpoint.count_tokens, { messages, stream: true }, "stream"],
  [Endpoint.rerank, { query: "a", documents: ["b"] }, null],
  [Endpoint.rerank, { query: {}, documents: {} }, null],
  [Endpoint.rerank, { query: "a", documents: [] }, "documents"],
  [Endpoint.rerank, { documents: ["b"] }, "query"],
  [Endpoint.moderations, { input: "hi" }, null],
  [Endpoint.moderations, {}, "input"],
];
for (const [path, body, param] of bodies) {
  const verdict = param === null ? "valid" : `refused for "${param}"`;
  test(`at ${path} ${JSON.stringify(body)} is ${verdict}`, () => {
    const endpoint = endpoints.find((row) => row.path === path)!;
    expect(errorOf(() => checkBody(endpoint, bodyOf(body)))?.param ?? null).toBe(param);
  });
}

const foreign: [path: Endpoint, body: object, message: string][] = [
  [Endpoint.chat, { input: "hi" }, `"input" belongs to /v1/responses; send "messages" to`],
  [Endpoint.chat, { prompt: "hi" }, `"prompt" belongs to /v1/completions; send "messages" to`],
  [
    Endpoint.embeddings,
    { messages },
    `"messages" belongs to /v1/chat/completions; send "input" to`,
  ],
  [Endpoint.messages, { messages }, `"max_tokens" must be a number`],
  [Endpoint.responses, { messages }, `"messages" belongs to /v1/chat/completions; send "input" to`],
];
for (const [path, body, message] of foreign) {
  test(`at ${path} the error of ${JSON.stringify(body)} says: ${message}`, () => {
    const endpoint = endpoints.find((row) => row.path === path)!;
    expect(errorOf(() => checkBody(endpoint, bodyOf(body)))?.message).toContain(message);
  });
}

describe("routing", () => {
  test("needs the model, and whether to stream", () => {
    expect(routingFields(bodyOf({ model: "m" }))).toEqual({ model: "m", stream: false });
    expect(routingFields(bodyOf({ model: "m", stream: null }))).toEqual({
      model: "m",
      stream: false,
    });
    expect(routingFields(bodyOf({ model: "m", stream: true }))).toEqual({
      model: "m",
      stream: true,
    });
  });

  const wrong: [body: object, param: string, code: string][] = [
    [{}, "model", "invalid_request"],
    [{ model: null }, "model", "invalid_request"],
    [{ model: "" }, "model", "invalid_request"],
    [{ model: 1 }, "model", "invalid_request"],
    [{ model: "x".repeat(201) }, "model", "model_not_found"],
    [{ model: "m", stream: "true" }, "stream", "invalid_request"],
    [{ model: "m", Model: "other" }, "model", "invalid_request"],
    [{ model: "m", STREAM: true }, "stream", "invalid_request"],
    [{ model: "m", "ſtream": true }, "stream", "invalid_request"],
  ];
  for (const [body, param, code] of wrong) {
    test(`refuses ${JSON.stringify(body).slice(0, 60)}`, () => {
      expect(errorOf(() => routingFields(bodyOf(body)))).toMatchObject({ param, code });
    });
  }

  test("accepts a name of 200 characters, and members that only resemble its own", () => {
    const model = "x".repeat(200);
    expect(routingFields(bodyOf({ model, models: 1, streams: 1 })).model).toBe(model);
  });
});

test("an endpoint's errors are in its format, and other paths have none", () => {
  expect(errorFormatOf(Endpoint.chat)).toBe(openAi);
  expect(errorFormatOf(Endpoint.responses)).toBe(openAiResponses);
  expect(errorFormatOf(Endpoint.count_tokens)).toBe(anthropic);
  expect(errorFormatOf("/v1/models")).toBeUndefined();
});

test("a member that is parsed is refused when it is longer than 4 KiB", () => {
  const [chat, responses] = [Endpoint.chat, Endpoint.responses]
    .map((path) => endpoints.find((row) => row.path === path)!);
  const messages = [{ role: "user", content: "hi" }];
  const long = (bytes: number) => ({ a: "x".repeat(bytes - 8) });
  expect(errorOf(() => checkBody(chat!, bodyOf({ messages, stream_options: long(4096) })))).toBe(
    null,
  );
  expect(errorOf(() => checkBody(chat!, bodyOf({ messages, stream_options: long(4097) })))?.message)
    .toBe('Cannot read the body: "stream_options" is longer than 4096 bytes');
  const body = bodyOf({ input: "hi", previous_response_id: "x".repeat(5000) });
  expect(errorOf(() => checkBody(responses!, body))?.param).toBe("previous_response_id");
});

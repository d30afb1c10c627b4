import { expect, test } from "bun:test";
import { readChatRequest } from "../chat/request_reader.ts";
import { idWithExtra } from "../chat/call_extra.ts";
import { type Quirks, quirksOf } from "../chat/quirks.ts";
import type { Json } from "../json_object.ts";
import { readMessagesRequest } from "../messages/request_reader.ts";
import { toJsonText } from "../raw_json.ts";
import { responsesBody } from "./request_writer.ts";

const usual = quirksOf({ host: "127.0.0.1" });

function fromChat(change: object, quirks: Quirks = usual): Json {
  const text = JSON.stringify({ messages: [{ role: "user", content: "hi" }], ...change });
  return JSON.parse(toJsonText(responsesBody(readChatRequest(text), "m", quirks, false)));
}

function fromMessages(...messages: object[]): Json {
  const text = JSON.stringify({ max_tokens: 9, messages });
  return JSON.parse(toJsonText(responsesBody(readMessagesRequest(text), "m", usual, false)));
}

test("the result of a free-text tool's call is an item of its own type", () => {
  const tool_calls = [
    { id: "a", type: "custom", custom: { name: "patch", input: "*** Begin" } },
    { id: "b", type: "function", function: { name: "f", arguments: '{"x":1}' } },
  ];
  const { input } = fromChat({
    messages: [
      { role: "user", content: "hi" },
      { role: "assistant", content: null, tool_calls },
      { role: "tool", tool_call_id: "a", content: "done" },
      { role: "tool", tool_call_id: "b", content: "2" },
    ],
  });
  expect((input as Json[]).slice(1)).toEqual([
    { type: "custom_tool_call", call_id: "a", name: "patch", input: "*** Begin" },
    { type: "function_call", call_id: "b", name: "f", arguments: '{"x":1}' },
    { type: "custom_tool_call_output", call_id: "a", output: "done" },
    { type: "function_call_output", call_id: "b", output: "2" },
  ]);
});

test("what another provider wanted back with a call is taken out of its id", () => {
  const id = idWithExtra("call_a", { google: { thought_signature: "S".repeat(200) } });
  const { input } = fromMessages(
    { role: "user", content: "hi" },
    { role: "assistant", content: [{ type: "tool_use", id, name: "f", input: {} }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: "r" }] },
  );
  expect((input as Json[]).slice(1)).toMatchObject([{ call_id: "call_a" }, { call_id: "call_a" }]);
});

test("a failed result says so, with an image as well", () => {
  const source = { type: "url", url: "https://example.com/a.png" };
  const result = { type: "tool_result", tool_use_id: "a", is_error: true };
  const { input } = fromMessages(
    { role: "user", content: "hi" },
    { role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input: {} }] },
    { role: "user", content: [{ ...result, content: [{ type: "image", source }] }] },
  );
  expect((input as Json[]).at(-1)!.output).toEqual([
    { type: "input_text", text: "Error:" },
    { type: "input_image", image_url: source.url, detail: "auto" },
  ]);
});

test("a user id that is too long for OpenAI becomes a short one", () => {
  expect(fromChat({ user: "u" }).user).toBe("u");
  expect(String(fromChat({ user: "u".repeat(65) }).user)).toHaveLength(16);
});

test("an effort that the model does not know is the nearest, and rejected fields are left out", () => {
  const efforts = ["low", "medium", "high"];
  const wanted = { reasoning_effort: "max", temperature: 0.5 };
  const body = fromChat(wanted, { ...usual, efforts, omit: ["temperature"] });
  expect(body.reasoning).toEqual({ effort: "high", summary: "auto" });
  expect(body.temperature).toBeUndefined();
  expect(fromChat(wanted, { ...usual, efforts: [] }).reasoning).toBeUndefined();
  expect(fromChat(wanted)).toMatchObject({ reasoning: { effort: "max" }, temperature: 0.5 });
});

test("what was learned of a model's context, system messages and verbosity holds here as well", () => {
  const messages = [
    { role: "system", content: "one" },
    { role: "user", content: "hi" },
    { role: "system", content: "two" },
    { role: "user", content: "and?" },
  ];
  const wanted = { messages, max_tokens: 32_000, verbosity: "low" };
  expect(fromChat(wanted)).toMatchObject({
    instructions: "one",
    input: [{ role: "user" }, { role: "system" }, { role: "user" }],
    max_output_tokens: 32_000,
    text: { verbosity: "low" },
  });
  const context = { contextLength: 8192, promptTokens: 8000 };
  const body = fromChat(wanted, { ...usual, ...context, systemFirst: true, omit: ["verbosity"] });
  expect(body).toMatchObject({
    instructions: "one\n\ntwo",
    input: [{ role: "user" }, { role: "user" }],
    max_output_tokens: 192,
  });
  expect(body.text).toBeUndefined();
});

import { expect, test } from "bun:test";
import { UpstreamFailure } from "../adapter.ts";
import type { AnswerEvent, EndReason } from "../bridge/answer_event.ts";
import type { Json } from "../json_object.ts";
import { responseEvents } from "../openai/response_events.ts";
import { ResponseAnswerReader } from "./answer_reader.ts";

function read(...events: Json[]): AnswerEvent[] {
  const reader = new ResponseAnswerReader();
  return events.flatMap((event) => reader.read(event));
}

const created = { type: "response.created", response: { id: "resp_1" } };
const ended = (response: Json, type = "response.completed") => ({ type, response });
const usage = {
  input_tokens: 9,
  input_tokens_details: { cached_tokens: 4 },
  output_tokens: 3,
  output_tokens_details: { reasoning_tokens: 1 },
};
const end = (reason: EndReason): AnswerEvent => ({
  type: "end",
  reason,
  stopSequence: null,
  explanation: null,
});

test("texts, refusals and reasoning of both kinds are read from their deltas", () => {
  const delta = (name: string, delta: string, more: Json = {}) => ({
    type: `response.${name}.delta`,
    delta,
    ...more,
  });
  expect(read(
    created,
    { type: "response.reasoning_summary_part.added", summary_index: 0 },
    delta("reasoning_summary_text", "a"),
    { type: "response.reasoning_summary_part.added", summary_index: 1 },
    delta("reasoning_summary_text", "b"),
    delta("reasoning_text", "c"),
    delta("output_text", "d"),
    delta("output_text", ""),
    delta("refusal", "e"),
    { type: "response.of.tomorrow", delta: "f" },
    ended({ usage }),
  )).toEqual([
    { type: "start", id: "resp_1" },
    { type: "reasoning", text: "a" },
    { type: "reasoning", text: "\n\n" },
    { type: "reasoning", text: "b" },
    { type: "reasoning", text: "c" },
    { type: "text", text: "d" },
    { type: "refusal", text: "e" },
    {
      type: "usage",
      usage: {
        promptTokens: 9,
        completionTokens: 3,
        cachedTokens: 4,
        cacheWriteTokens: 0,
        reasoningTokens: 1,
      },
    },
    end("refusal"),
  ]);
});

test("web citations are read, at their places in the whole text", () => {
  const part = { type: "response.content_part.added" };
  const text = (delta: string) => ({ type: "response.output_text.delta", delta });
  const annotation = (annotation: Json) => ({
    type: "response.output_text.annotation.added",
    annotation,
  });
  const page = { type: "url_citation", url: "https://a.b", start_index: 1, end_index: 3 };
  expect(
    read(
      created,
      part,
      text("one "),
      annotation({ ...page, title: "A" }),
      part,
      text("two"),
      annotation(page),
      annotation({ type: "file_citation", file_id: "f" }),
    ).filter(({ type }) => type === "citation"),
  ).toEqual([
    { type: "citation", citation: { url: "https://a.b", title: "A", start: 1, end: 3 } },
    { type: "citation", citation: { url: "https://a.b", title: "https://a.b", start: 5, end: 7 } },
  ]);
});

test("an answer that only the last event holds is read from it", () => {
  const output = [
    { type: "message", id: "m", content: [{ type: "output_text", text: "a" }] },
    { type: "function_call", id: "fc", call_id: "c", name: "f", arguments: "{}" },
  ];
  const content: AnswerEvent[] = [
    { type: "text", text: "a" },
    { type: "call", call: 0, id: "c", name: "f", isCustom: false },
    { type: "arguments", call: 0, text: "{}" },
    end("calls"),
  ];
  expect(read(created, ended({ output }))).toEqual([{ type: "start", id: "resp_1" }, ...content]);
  const added = { type: "response.output_text.delta", delta: "a" };
  expect(read(created, added, ended({ output })).slice(1))
    .toEqual([{ type: "text", text: "a" }, end("stop")]);
});

test("calls are read from deltas, or whole from their item's end", () => {
  const item = (type: string, output_index: number, item: Json) => ({
    type: `response.output_item.${type}`,
    output_index,
    item,
  });
  const f = { type: "function_call", call_id: "a", name: "f", arguments: "" };
  const g = { type: "function_call", call_id: "b", name: "g", arguments: "" };
  const patch = { type: "custom_tool_call", call_id: "c", name: "patch", input: "" };
  const more = { type: "response.function_call_arguments.delta", output_index: 1, delta: "{}" };
  expect(read(
    item("added", 0, { type: "message" }),
    item("added", 1, f),
    more,
    item("done", 1, { ...f, arguments: "{}" }),
    item("added", 2, g),
    item("done", 2, { ...g, arguments: '{"x":1}' }),
    item("added", 3, patch),
    { type: "response.custom_tool_call_input.delta", output_index: 3, delta: "*** " },
    item("done", 3, { ...patch, input: "*** Begin" }),
    ended({}),
  )).toEqual([
    { type: "call", call: 0, id: "a", name: "f", isCustom: false },
    { type: "arguments", call: 0, text: "{}" },
    { type: "call", call: 1, id: "b", name: "g", isCustom: false },
    { type: "arguments", call: 1, text: '{"x":1}' },
    { type: "call", call: 2, id: "c", name: "patch", isCustom: true },
    { type: "arguments", call: 2, text: "*** Begin" },
    end("calls"),
  ]);
});

test("an incomplete response ends by its reason", () => {
  const reasons = ["max_output_tokens", "content_filter", "of_tomorrow"].map((reason) =>
    read(ended({ incomplete_details: { reason } }, "response.incomplete")).at(-1)
  );
  expect(reasons).toEqual([end("length"), end("refusal"), end("length")]);
});

test("a failed response is a failure with its own code and message", () => {
  const failure = (response: Json) => {
    try {
      read(ended(response, "response.failed"));
    } catch (error) {
      if (error instanceof UpstreamFailure) return [error.code, error.error?.code, error.message];
    }
    return null;
  };
  expect(failure({ error: { code: "rate_limit_exceeded", message: "slow" } }))
    .toEqual([429, "rate_limit_exceeded", "slow"]);
  expect(failure({ error: { code: "server_error", message: "boom" } }))
    .toEqual([502, "server_error", "boom"]);
  expect(failure({ error: { code: "invalid_image", message: "blurred" } }))
    .toEqual([400, "invalid_image", "blurred"]);
  const long = "Your input exceeds the context window of this model.";
  for (const code of ["context_length_exceeded", "invalid_prompt"]) {
    expect(failure({ error: { code, message: long } }))
      .toEqual([400, "context_length_exceeded", long]);
  }
  expect(failure({})?.slice(0, 2)).toEqual([502, "server_error"]);
});

test("a call without arguments has an empty object as arguments", () => {
  const item = { type: "function_call", id: "fc", call_id: "c", name: "f", arguments: "" };
  const response = { id: "r", object: "response", status: "completed", output: [item] };
  expect(read(...responseEvents(response).map((text) => JSON.parse(text))))
    .toContainEqual({ type: "arguments", call: 0, text: "{}" });
});

test("a whole response is read like its stream", () => {
  const response = {
    id: "resp_1",
    object: "response",
    status: "completed",
    output: [
      { type: "reasoning", id: "rs", summary: [{ type: "summary_text", text: "Hm." }] },
      { type: "message", id: "m", content: [{ type: "output_text", text: "a" }] },
      { type: "function_call", id: "fc", call_id: "c", name: "f", arguments: '{"x":1}' },
    ],
    usage,
  };
  const events = responseEvents(response).map((text) => JSON.parse(text));
  expect(read(...events).filter(({ type }) => type !== "usage")).toEqual([
    { type: "start", id: "resp_1" },
    { type: "reasoning", text: "Hm." },
    { type: "text", text: "a" },
    { type: "call", call: 0, id: "c", name: "f", isCustom: false },
    { type: "arguments", call: 0, text: '{"x":1}' },
    end("calls"),
  ]);
});

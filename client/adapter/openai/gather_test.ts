import { describe, expect, test } from "bun:test";
import { type Json } from "../json_object.ts";
import { gatherChat, gatherText, lastResponse } from "./gather.ts";

const head = { id: "c", object: "chat.completion.chunk", created: 1, model: "m" };

function chunk(delta: Json, finish_reason: string | null = null, index = 0): Json {
  return { ...head, choices: [{ index, delta, logprobs: null, finish_reason }] };
}

describe("a gathered chat", () => {
  test("has the text, the reasoning and the calls of all chunks", () => {
    const call = (delta: Json) => chunk({ tool_calls: [delta] });
    const answer = gatherChat([
      chunk({ role: "assistant", content: "" }),
      chunk({ reasoning_content: "h" }),
      chunk({ reasoning_content: "m", content: null }),
      chunk({ content: "hello", role: "assistant" }),
      call({ index: 0, id: "a", type: "function", function: { name: "f", arguments: "" } }),
      call({ index: 0, id: "a", type: "function", function: { name: "f", arguments: '{"x":' } }),
      call({ index: 1, id: "b", type: "function", function: { name: "g", arguments: "{}" } }),
      call({ index: 0, function: { arguments: "1}" } }),
      chunk({}, "tool_calls"),
      { ...head, choices: [], usage: { prompt_tokens: 1 }, timings: { ms: 2 } },
    ]);
    expect(answer).toEqual({
      ...head,
      object: "chat.completion",
      usage: { prompt_tokens: 1 },
      timings: { ms: 2 },
      choices: [{
        index: 0,
        message: {
          role: "assistant",
          content: "hello",
          reasoning_content: "hm",
          tool_calls: [
            { id: "a", type: "function", function: { name: "f", arguments: '{"x":1}' } },
            { id: "b", type: "function", function: { name: "g", arguments: "{}" } },
          ],
        },
        logprobs: null,
        finish_reason: "tool_calls",
      }],
    });
  });

  test("has its choices in order, each with its own log probabilities", () => {
    const part = (index: number, token: string): Json => ({
      ...head,
      choices: [{ index, delta: { content: token }, logprobs: { content: [{ token }] } }],
    });
    const answer = gatherChat([part(1, "b"), part(0, "a"), part(1, "B"), chunk({}, "length", 1)]);
    expect(answer.choices).toEqual([
      {
        index: 0,
        message: { role: "assistant", content: "a" },
        logprobs: { content: [{ token: "a" }] },
        finish_reason: "stop",
      },
      {
        index: 1,
        message: { role: "assistant", content: "bB" },
        logprobs: { content: [{ token: "b" }, { token: "B" }] },
        finish_reason: "length",
      },
    ]);
  });

  test("has no content where no chunk has any", () => {
    const [choice] = gatherChat([chunk({ content: null }), chunk({}, "stop")]).choices as Json[];
    expect(choice!.message).toEqual({ role: "assistant", content: null });
  });
});

test("a gathered text completion has the text of all chunks", () => {
  const part = (text: string, finish_reason: string | null): Json => ({
    ...head,
    object: "text_completion",
    choices: [{ index: 0, text, logprobs: null, finish_reason }],
  });
  expect(gatherText([part("a", null), part("b", "stop")])).toEqual(part("ab", "stop"));
});

test("a gathered response is the one in the last event", () => {
  const response = { object: "response", status: "completed" };
  expect(lastResponse([{ type: "x" }, { type: "response.completed", response }])).toBe(response);
  expect(() => lastResponse([{ type: "error" }])).toThrow("not an answer");
  expect(() => lastResponse([])).toThrow("not an answer");
});

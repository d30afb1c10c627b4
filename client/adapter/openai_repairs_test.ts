/** Streams that real upstreams send, repaired for an SDK's strict helper. */

import { describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { frameEvent } from "./sse/event_text.ts";
import { Endpoint } from "../../protocol/mod.ts";
import { callOf, textsOf } from "../testing/adapter_call.ts";
import { eventStream, sse } from "../testing/stub_upstream.ts";
import { realWorld } from "../world.ts";
import { UpstreamFailure } from "./adapter.ts";
import { OpenAiAdapter } from "./openai.ts";

const head = { id: "c", object: "chat.completion.chunk", created: 1, model: "m" };
const chunk = (delta: object, finish: string | null = null, index = 0) => ({
  ...head,
  choices: [{ index, delta, finish_reason: finish }],
});
const role = chunk({ role: "assistant", content: "" });
const end = chunk({}, "stop");
const call = (index: number, id?: string) => ({
  index,
  ...(id ? { id, type: "function" } : {}),
  function: { ...(id ? { name: "f" } : {}), arguments: id ? "" : '{"a":1}' },
});

/** What the helper gathers from an upstream with the given answer. */
async function gathered(upstream: Response): Promise<OpenAI.ChatCompletion.Choice[]> {
  const fetch = () => Promise.resolve(upstream);
  const provider = { type: "openai" as const, base_url: "http://127.0.0.1:9", models: [] };
  const adapter = new OpenAiAdapter(provider, { ...realWorld, fetch });
  const events: string[] = [];
  for await (const text of textsOf(adapter.answer(callOf()))) {
    events.push(frameEvent(Endpoint.chat, text));
  }
  const sdk = new OpenAI({
    apiKey: "k",
    maxRetries: 0,
    fetch: () => Promise.resolve(eventStream([...events, "data: [DONE]\n\n"])),
  });
  const stream = sdk.chat.completions.stream({ model: "m", messages: [] });
  return (await stream.finalChatCompletion()).choices;
}

const answering = (content: string) => [{ message: { role: "assistant", content } }];

describe("an SDK's strict helper accepts a stream", () => {
  const streams: [name: string, wire: string, choices: object[]][] = [
    ["as OpenAI sends it", sse(role, chunk({ content: "hi" }), end, "[DONE]"), answering("hi")],
    ["without a role", sse(chunk({ content: "hi" }), end, "[DONE]"), answering("hi")],
    ["without [DONE]", sse(role, chunk({ content: "hi" }), end), answering("hi")],
    [
      "that sends [DONE] without a finish reason",
      sse(role, chunk({ content: "hi" }), "[DONE]"),
      [{ ...answering("hi")[0], finish_reason: "stop" }],
    ],
    [
      "that sends [DONE] after a tool call without a finish reason",
      sse(role, chunk({ tool_calls: [call(0, "t")] }), "[DONE]"),
      [{ finish_reason: "tool_calls" }],
    ],
    [
      "whose first content is null",
      sse(chunk({ role: "assistant", content: null }), chunk({ content: "hi" }), end),
      answering("hi"),
    ],
    [
      "with the role in every chunk",
      sse(...["h", "i"].map((content) => chunk({ role: "assistant", content })), end),
      answering("hi"),
    ],
    ["with reasoning before the role", sse(chunk({ reasoning: "hm" }), role, end), answering("")],
    [
      "with interleaved choices",
      sse(
        chunk({ content: "a" }, null, 1),
        chunk({ content: "b" }, null, 0),
        chunk({ content: "a" }, "stop", 1),
        chunk({ content: "b" }, "stop", 0),
      ),
      [...answering("bb"), ...answering("aa")],
    ],
    [
      "with usage on its last chunk",
      sse(role, { ...chunk({ content: "hi" }, "stop"), usage: { prompt_tokens: 1 } }),
      answering("hi"),
    ],
    [
      "with comments, other line endings and unknown fields",
      `: hello\r\n\r\n${
        sse(role, chunk({ content: "hi" }), end).replaceAll("\n", "\r\n")
      }id: 1\n\n`,
      answering("hi"),
    ],
    [
      "with tools numbered from 1",
      sse(role, chunk({ tool_calls: [call(1, "t")] }), chunk({ tool_calls: [call(1)] }), end),
      [{ message: { tool_calls: [{ id: "t", function: { arguments: '{"a":1}' } }] } }],
    ],
    [
      "with an empty finish reason in every chunk",
      sse(chunk({ role: "assistant", content: "hi" }, ""), end),
      answering("hi"),
    ],
  ];
  for (const [name, wire, choices] of streams) {
    test(name, async () => {
      expect(await gathered(eventStream([wire]))).toMatchObject(choices);
    });
  }

  test("made from one JSON answer of an upstream that does not stream", async () => {
    const message = { role: "assistant", content: "hi" };
    const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
    const answer = Response.json({ ...head, object: "chat.completion", choices });
    expect(await gathered(answer)).toMatchObject(answering("hi"));
  });
});

test("a call of a whole answer that has no id gets one", async () => {
  const tools = [{ id: "", type: "function", function: { name: "f", arguments: "{}" } }];
  const choices = [{ index: 0, message: { tool_calls: [...tools, ...tools] } }];
  const adapter = new OpenAiAdapter({ base_url: "http://h/v1" }, {
    ...realWorld,
    fetch: () => Promise.resolve(Response.json({ ...head, choices })),
  });
  const [text] = await Array.fromAsync(textsOf(adapter.answer(callOf({ stream: false }))));
  const calls: { id: string }[] = JSON.parse(text!).choices[0].message.tool_calls;
  expect(new Set(calls.map(({ id }) => /^call_\w+$/.exec(id)?.[0])).size).toBe(2);
});

describe("a failure results from a stream", () => {
  const broken: [name: string, wire: string][] = [
    ["that ends without a finish reason", sse(role, chunk({ content: "hi" }))],
    ["that sends [DONE] at once", sse("[DONE]")],
    ["with a truncated choice", sse(chunk({}, "stop", 0), chunk({ content: "a" }, null, 1))],
    ["that ends in the middle of an event", sse(role) + 'data: {"choices":[{"delta'],
    ["with an error in it", sse(role, { error: { message: "no" } }, end, "[DONE]")],
    ["that is not JSON", sse(role, "<html>")],
  ];
  for (const [name, wire] of broken) {
    test(name, () => {
      expect(gathered(eventStream([wire]))).rejects.toBeInstanceOf(UpstreamFailure);
    });
  }
});

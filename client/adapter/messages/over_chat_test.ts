import { expect, test } from "bun:test";
import type Anthropic from "@anthropic-ai/sdk";
import { Endpoint } from "../../../protocol/mod.ts";
import { callOf, textsOf } from "../../testing/adapter_call.ts";
import { messageShape } from "../../testing/anthropic_shapes.ts";
import { type AdapterCall, type Piece, UpstreamFailure } from "../adapter.ts";
import { quirksOf } from "./chat_request.ts";
import { messagesOverChat } from "./over_chat.ts";

const body = { model: "pro", max_tokens: 5, messages: [{ role: "user", content: "hi" }] };

/** Requests a message from a chat adapter that yields the given pieces. */
function ask(pieces: (Piece | UpstreamFailure)[], change: Partial<AdapterCall> = {}) {
  const calls: AdapterCall[] = [];
  const chat = {
    async *answer(call: AdapterCall) {
      calls.push(call);
      for await (const piece of pieces) {
        if (piece instanceof UpstreamFailure) throw piece;
        yield piece;
      }
    },
  };
  const call = callOf({ endpoint: Endpoint.messages, bodyText: JSON.stringify(body), ...change });
  const texts = textsOf(messagesOverChat(call, chat, quirksOf("localhost"), () => "new"));
  return { calls, texts: Array.fromAsync(texts) };
}

const completion = {
  id: "chatcmpl-1",
  choices: [{
    index: 0,
    message: {
      role: "assistant",
      content: "On it.",
      refusal: null,
      reasoning_content: "Plan.",
      tool_calls: [{ id: "call_1", function: { name: "f", arguments: "" } }],
    },
    finish_reason: "tool_calls",
  }],
  usage: { prompt_tokens: 9, completion_tokens: 4 },
};

test("a whole completion becomes a message of the exact shape", async () => {
  const { calls, texts } = ask([JSON.stringify(completion)], { stream: false });
  const [text, ...rest] = await texts;
  expect(rest).toEqual([]);
  const message: Anthropic.Message = messageShape.parse(JSON.parse(text!));
  expect(message).toMatchObject({
    id: "msg_1",
    model: "pro",
    content: [
      { type: "thinking", thinking: "Plan." },
      { type: "text", text: "On it." },
      { type: "tool_use", id: "call_1", name: "f", input: {} },
    ],
    stop_reason: "tool_use",
    usage: { input_tokens: 9, output_tokens: 4 },
  });
  expect(calls[0]).toMatchObject({ endpoint: Endpoint.chat, stream: false, headers: {} });
  expect(JSON.parse(calls[0]!.bodyText)).not.toHaveProperty("stream");
});

test("chunks that arrive as bytes are translated like any others", async () => {
  const bytes = new TextEncoder().encode(
    `data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n` +
      `data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"b"}}]}\n\n`,
  );
  const { texts } = ask([{ bytes, tokenEvents: 2 }, '{"choices":[{"finish_reason":"stop"}]}']);
  const deltas = (await texts).map((text) => JSON.parse(text)).filter(({ type }) =>
    type === "content_block_delta"
  );
  expect(deltas.map(({ delta }) => delta.text)).toEqual(["a", "b"]);
});

test("the call decides whether the answer streams, not the body", async () => {
  const bodyText = JSON.stringify({ ...body, stream: true });
  const { calls, texts } = ask([JSON.stringify(completion)], { stream: false, bodyText });
  await texts;
  expect(JSON.parse(calls[0]!.bodyText)).not.toHaveProperty("stream");
});

test("a failure keeps code, headers and delay, but not the body in OpenAI's dialect", async () => {
  const failure = new UpstreamFailure(429, "slow down", {
    bodyText: '{"error":{}}',
    headers: { "x-ratelimit-limit-requests": "1" },
    retryAfterMs: 5,
    error: { message: "slow down" },
  });
  const thrown = await ask([failure]).texts.catch((error: unknown) => error);
  expect(thrown).toMatchObject({
    code: 429,
    retryAfterMs: 5,
    headers: { "x-ratelimit-limit-requests": "1" },
    bodyText: undefined,
  });
});

test("a completion without choices is the provider's failure", async () => {
  const thrown = await ask(['{"choices":[]}'], { stream: false }).texts.catch((error) => error);
  expect(thrown).toMatchObject({ code: 502 });
});

test("a request that cannot be translated reaches no provider", async () => {
  const bodyText = JSON.stringify({ ...body, container: "c" });
  const { calls, texts } = ask([], { bodyText });
  expect(await texts.catch((error: unknown) => error)).toMatchObject({
    code: 400,
    error: { param: "container" },
  });
  expect(calls).toEqual([]);
});

import { expect, test } from "bun:test";
import { Endpoint } from "../../../protocol/mod.ts";
import { callOf, textsOf } from "../../testing/adapter_call.ts";
import { messageShape } from "../../testing/anthropic_shapes.ts";
import { eventStream, sse } from "../../testing/stub_upstream.ts";
import { realWorld } from "../../world.ts";
import { type AdapterCall, UpstreamFailure } from "../adapter.ts";
import { OpenAiAdapter } from "../openai.ts";

const body = { model: "pro", max_tokens: 5, messages: [{ role: "user", content: "hi" }] };

interface Sent {
  path: string;
  headers: Headers;
  body: Record<string, unknown>;
}

/** Requests a message from a server of chat completions with the given answer. */
function ask(answer: () => Response, change: Partial<AdapterCall> = {}) {
  const sent: Sent[] = [];
  const fetch = (url: string, init: RequestInit) => {
    const { pathname: path } = new URL(url);
    const headers = new Headers(init.headers);
    sent.push({ path, headers, body: JSON.parse(String(init.body)) });
    return Promise.resolve(answer());
  };
  const adapter = new OpenAiAdapter({ base_url: "http://127.0.0.1:9" }, { ...realWorld, fetch });
  const call = callOf({ endpoint: Endpoint.messages, bodyText: JSON.stringify(body), ...change });
  return { sent, texts: Array.fromAsync(textsOf(adapter.answer(call))) };
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
  const { sent, texts } = ask(() => Response.json(completion), { stream: false });
  const [text, ...rest] = await texts;
  expect(rest).toEqual([]);
  const message = messageShape.parse(JSON.parse(text!));
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
  expect(sent[0]!.path).toBe("/v1/chat/completions");
  expect(sent[0]!.body).not.toHaveProperty("stream");
});

test("chunks that the relay passes as bytes are translated like any others", async () => {
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    id: "chatcmpl-1",
    choices: [{ index: 0, delta, finish_reason }],
  });
  const contents = ["a", "b", "c", "d"];
  const wire = sse(
    chunk({ role: "assistant", content: "" }),
    ...contents.map((content) => chunk({ content })),
    chunk({}, "stop"),
  );
  const { texts } = ask(() => eventStream([wire]));
  const deltas = (await texts).map((text) => JSON.parse(text)).filter(({ type }) =>
    type === "content_block_delta"
  );
  expect(deltas.map(({ delta }) => delta.text)).toEqual(contents);
});

test("the call decides whether the answer streams, not the body", async () => {
  const bodyText = JSON.stringify({ ...body, stream: true });
  const { sent, texts } = ask(() => Response.json(completion), { stream: false, bodyText });
  await texts;
  expect(sent[0]!.body).not.toHaveProperty("stream");
});

test("a failure keeps code, headers and delay, but not the body in OpenAI's dialect", async () => {
  const error = {
    message: "slow down",
    type: "requests",
    param: null,
    code: "rate_limit_exceeded",
  };
  const headers = { "x-ratelimit-limit-requests": "1", "retry-after-ms": "5" };
  const { texts } = ask(() => Response.json({ error }, { status: 429, headers }));
  const thrown = await texts.catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(UpstreamFailure);
  expect(thrown).toMatchObject({
    code: 429,
    retryAfterMs: 5,
    headers: { "x-ratelimit-limit-requests": "1" },
    error,
    bodyText: undefined,
  });
});

test("a completion without choices is the provider's failure", async () => {
  const { texts } = ask(() => Response.json({ choices: [] }), { stream: false });
  const thrown = await texts.catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: 502 });
});

test("a request that cannot be translated reaches no provider", async () => {
  const bodyText = JSON.stringify({ ...body, container: "c" });
  const { sent, texts } = ask(() => Response.json(completion), { bodyText });
  expect(await texts.catch((error: unknown) => error)).toMatchObject({
    code: 400,
    error: { param: "container" },
  });
  expect(sent).toEqual([]);
});

/** Which of a server's endpoints a call reaches, and what the caller gets through it. */

import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { callOf, textsOf } from "../testing/adapter_call.ts";
import { eventStream, sse } from "../testing/stub_upstream.ts";
import { realWorld } from "../world.ts";
import { type AdapterCall, UpstreamFailure } from "./adapter.ts";
import type { Json } from "./json_object.ts";
import { OpenAiAdapter } from "./openai.ts";
import { responseEvents } from "./openai/response_events.ts";

const { chat, messages, responses, embeddings } = Endpoint;

interface Sent {
  path: string;
  body: Json;
}

type Answers = Partial<Record<string, (body: Json) => Response>>;

/** An adapter whose server has the given endpoints. */
function serverOf(
  answers: Answers,
  missing = () => new Response("404 page not found", { status: 404 }),
) {
  const sent: Sent[] = [];
  const fetch = (url: string, init: RequestInit) => {
    const { pathname: path } = new URL(url);
    const body = init.body ? JSON.parse(String(init.body)) : {};
    if (init.method === "POST") sent.push({ path, body });
    return Promise.resolve(answers[path]?.(body) ?? missing());
  };
  const adapter = new OpenAiAdapter({ base_url: "http://h/v1" }, { ...realWorld, fetch });
  return { adapter, sent };
}

const hello = [{ role: "user", content: "hi" }];
const bodies: Readonly<Record<string, object>> = {
  [chat]: { messages: hello },
  [messages]: { messages: hello, max_tokens: 9 },
  [responses]: { input: "hi" },
  [embeddings]: { input: "hi" },
};

async function ask(
  adapter: OpenAiAdapter,
  endpoint: Endpoint,
  change: object = {},
  call: Partial<AdapterCall> = {},
): Promise<Json[]> {
  const bodyText = JSON.stringify({ model: "pro", ...bodies[endpoint], ...change });
  const order = callOf({ endpoint, bodyText, stream: false, model: "m", ...call });
  const texts = await Array.fromAsync(textsOf(adapter.answer(order)));
  return texts.map((text) => JSON.parse(text));
}

const usage = { input_tokens: 5, output_tokens: 2, total_tokens: 7 };
const response = {
  id: "resp_1",
  object: "response",
  status: "completed",
  output: [
    { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Hm." }] },
    {
      type: "message",
      id: "msg_1",
      role: "assistant",
      content: [{ type: "output_text", text: "On it.", annotations: [] }],
    },
    { type: "function_call", id: "fc_1", call_id: "a", name: "f", arguments: '{"x":1}' },
  ],
  usage,
};

const answers = {
  chat: () =>
    Response.json({
      id: "chatcmpl-1",
      choices: [{
        index: 0,
        message: { role: "assistant", content: "chat" },
        finish_reason: "stop",
      }],
    }),
  responses: ({ stream }: Json) =>
    stream
      ? eventStream([sse(...responseEvents(response).map((text) => JSON.parse(text)))])
      : Response.json(response),
  messages: () =>
    eventStream([sse(
      { type: "message_start", message: { id: "msg_1", usage: { input_tokens: 1 } } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "claude" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } },
      { type: "message_stop" },
    )]),
};

const paths = (sent: Sent[]) => sent.map(({ path }) => path);

describe("on a server of responses only,", () => {
  test("a chat completion is bridged, streamed and whole", async () => {
    const { adapter, sent } = serverOf({ [responses]: answers.responses });
    const [whole] = await ask(adapter, chat, { max_tokens: 9 });
    expect(whole).toMatchObject({
      object: "chat.completion",
      model: "pro",
      choices: [{
        message: {
          content: "On it.",
          reasoning_content: "Hm.",
          tool_calls: [{ id: "a", function: { name: "f", arguments: '{"x":1}' } }],
        },
        finish_reason: "tool_calls",
      }],
      usage: { prompt_tokens: 5, completion_tokens: 2 },
    });
    expect(sent.at(-1)!.body).toEqual({
      model: "m",
      input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] }],
      store: false,
      max_output_tokens: 9,
    });
    const chunks = await ask(adapter, chat, {}, { stream: true });
    const deltas = chunks.map(({ choices }) => (choices as { delta: Json }[])[0]!.delta);
    expect(deltas.map(({ content }) => content ?? "").join("")).toBe("On it.");
    expect(sent.at(-1)!.body.stream).toBe(true);
  });

  test("a message is bridged with its history, tools and system prompt", async () => {
    const { adapter, sent } = serverOf({ [responses]: answers.responses });
    const [whole] = await ask(adapter, messages, {
      system: "Be brief.",
      messages: [
        ...hello,
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "" },
            { type: "text", text: "On it." },
            { type: "tool_use", id: "a", name: "f", input: { x: 1 } },
          ],
        },
        {
          role: "user",
          content: [{
            type: "tool_result",
            tool_use_id: "a",
            is_error: true,
            content: [{ type: "text", text: "no" }],
          }, { type: "text", text: "and?" }],
        },
      ],
      tools: [{ name: "f", input_schema: { type: "object" } }],
      tool_choice: { type: "tool", name: "f", disable_parallel_tool_use: true },
      output_config: {
        effort: "high",
        format: { type: "json_schema", schema: { type: "object" } },
      },
    });
    expect(whole).toMatchObject({
      type: "message",
      content: [
        { type: "thinking", thinking: "Hm." },
        { type: "text", text: "On it." },
        { type: "tool_use", id: "a", name: "f", input: { x: 1 } },
      ],
      stop_reason: "tool_use",
    });
    expect(sent.at(-1)!.body).toEqual({
      model: "m",
      instructions: "Be brief.",
      input: [
        { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "On it." }] },
        { type: "function_call", call_id: "a", name: "f", arguments: '{"x":1}' },
        { type: "function_call_output", call_id: "a", output: "Error: no" },
        { type: "message", role: "user", content: [{ type: "input_text", text: "and?" }] },
      ],
      store: false,
      max_output_tokens: 9,
      reasoning: { effort: "high", summary: "auto" },
      tools: [{ type: "function", name: "f", parameters: { type: "object" }, strict: false }],
      tool_choice: { type: "function", name: "f" },
      parallel_tool_calls: false,
      text: {
        format: { type: "json_schema", name: "answer", schema: { type: "object" }, strict: false },
      },
    });
  });

  test("images, files and free-text tools keep their form", async () => {
    const { adapter, sent } = serverOf({ [responses]: answers.responses });
    await ask(adapter, chat, {
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: "https://a.b/c.png", detail: "low" } },
            {
              type: "file",
              file: { filename: "a.pdf", file_data: "data:application/pdf;base64,A" },
            },
          ],
        },
        {
          role: "assistant",
          refusal: "No.",
          tool_calls: [{ id: "a", type: "custom", custom: { name: "p", input: "x" } }],
        },
        { role: "tool", tool_call_id: "a", content: [{ type: "text", text: "r" }] },
      ],
      tools: [{ type: "custom", custom: { name: "p" } }],
      tool_choice: { type: "custom", custom: { name: "p" } },
    });
    const { input, tools, tool_choice } = sent.at(-1)!.body;
    expect(input).toEqual([
      {
        type: "message",
        role: "user",
        content: [
          { type: "input_image", image_url: "https://a.b/c.png", detail: "low" },
          { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,A" },
        ],
      },
      { type: "message", role: "assistant", content: [{ type: "refusal", refusal: "No." }] },
      { type: "custom_tool_call", call_id: "a", name: "p", input: "x" },
      { type: "custom_tool_call_output", call_id: "a", output: "r" },
    ]);
    expect(tools).toEqual([{ type: "custom", name: "p" }]);
    expect(tool_choice).toEqual({ type: "custom", name: "p" });
  });

  test("stop sequences are a 400 that names them", async () => {
    const { adapter } = serverOf({ [responses]: answers.responses });
    const failure = await ask(adapter, chat, { stop: "END" }).catch((error) => error);
    expect(failure).toMatchObject({ code: 400, error: { param: "stop" } });
  });
});

describe("on a server of messages only,", () => {
  test("chat completions and responses are bridged, and messages relayed", async () => {
    const { adapter, sent } = serverOf({ [messages]: answers.messages });
    expect((await ask(adapter, chat))[0]).toMatchObject({
      choices: [{ message: { content: "claude" } }],
    });
    expect(sent.at(-1)!.body).toMatchObject({ stream: true, max_tokens: 32_000 });
    expect((await ask(adapter, responses))[0]).toMatchObject({
      output: [{ content: [{ text: "claude" }] }],
    });
    const events = await ask(adapter, messages, {}, { stream: true });
    expect(events.map(({ type }) => type)).toContain("message_stop");
  });
});

test("a missing endpoint is looked for once, and again after the model list was read", async () => {
  const { adapter, sent } = serverOf({
    [chat]: answers.chat,
    "/v1/models": () => Response.json({ data: [] }),
  });
  await ask(adapter, responses);
  await ask(adapter, responses);
  expect(paths(sent)).toEqual([responses, chat, chat]);
  await adapter.models(new AbortController().signal);
  sent.length = 0;
  await ask(adapter, responses);
  expect(paths(sent)).toEqual([responses, chat]);
});

test("a server that has none of the endpoints fails as the caller's own one does", async () => {
  const { adapter, sent } = serverOf({});
  for (let i = 0; i < 2; i++) {
    sent.length = 0;
    const failure = await ask(adapter, responses).catch((error) => error);
    expect(failure).toBeInstanceOf(UpstreamFailure);
    expect(failure).toMatchObject({ code: 404, message: "404 page not found" });
    expect(paths(sent)).toEqual([responses, chat, messages]);
  }
});

describe("a missing endpoint is recognized by", () => {
  const replies: [name: string, reply: () => Response][] = [
    ["a page of text", () => new Response("404 page not found", { status: 404 })],
    ["FastAPI's detail", () => Response.json({ detail: "Not Found" }, { status: 404 })],
    [
      "llama.cpp's error",
      () =>
        Response.json(
          { error: { code: 404, message: "File Not Found", type: "not_found_error" } },
          {
            status: 404,
          },
        ),
    ],
    [
      "OpenAI's error",
      () =>
        Response.json({ error: { message: "Invalid URL (POST /v1/responses)" } }, { status: 404 }),
    ],
    ["an empty 404", () => new Response(null, { status: 404 })],
    ["a 405", () => Response.json({ detail: "Method Not Allowed" }, { status: 405 })],
    [
      "LM Studio's 200",
      () => Response.json({ error: "Unexpected endpoint or method. (POST /v1/responses)" }),
    ],
  ];
  for (const [name, reply] of replies) {
    test(name, async () => {
      const { adapter } = serverOf({ [chat]: answers.chat }, reply);
      expect((await ask(adapter, responses))[0]).toMatchObject({
        output: [{ content: [{ text: "chat" }] }],
      });
    });
  }
});

describe("a missing model is no missing endpoint:", () => {
  const replies: object[] = [
    { error: { message: "model 'm' not found", type: "api_error" } },
    { error: { message: "The model `m` does not exist", code: "model_not_found" } },
  ];
  for (const body of replies) {
    test(JSON.stringify(body), async () => {
      const reply = () => Response.json(body, { status: 404 });
      const { adapter, sent } = serverOf({ [chat]: answers.chat }, reply);
      expect(await ask(adapter, responses).catch(({ code }) => code)).toBe(404);
      expect(paths(sent)).toEqual([responses]);
    });
  }
});

test("an endpoint without a bridge fails in the provider's words", async () => {
  const { adapter, sent } = serverOf({ [chat]: answers.chat });
  expect(await ask(adapter, embeddings).catch(({ message }) => message)).toBe("404 page not found");
  expect(paths(sent)).toEqual([embeddings]);
});

test("a model whose list entry names messages gets them relayed, and nothing else is tried", async () => {
  const list = [{ id: "m", endpoints: [chat, messages] }];
  const { adapter, sent } = serverOf({
    [chat]: answers.chat,
    [messages]: answers.messages,
    "/v1/models": () => Response.json({ data: list }),
  });
  const [model] = await adapter.models(new AbortController().signal);
  expect(model!.capabilities.endpoints!.toSorted())
    .toEqual([chat, messages, responses, Endpoint.count_tokens].toSorted());
  sent.length = 0;
  await ask(adapter, messages, {}, { stream: true });
  await ask(adapter, responses);
  expect(paths(sent)).toEqual([messages, chat]);
});

test("a failure after the bridged answer has begun is not tried elsewhere", async () => {
  const cut = () =>
    eventStream([sse({ choices: [{ index: 0, delta: { content: "a" }, finish_reason: null }] })]);
  const { adapter, sent } = serverOf({ [chat]: cut, [messages]: answers.messages });
  const failure = await ask(adapter, responses, {}, { stream: true }).catch((error) => error);
  expect(failure).toMatchObject({ error: { code: "upstream_disconnected" } });
  expect(paths(sent)).toEqual([responses, chat]);
});

import { expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ProviderConfig } from "../config/config.ts";
import { callOf, textsOf } from "../testing/adapter_call.ts";
import { eventStream, sse } from "../testing/stub_upstream.ts";
import { realWorld } from "../world.ts";
import { UpstreamFailure } from "./adapter.ts";
import type { ChatChunk, ChatCompletion } from "./chat/shapes.ts";
import { ClaudeAdapter } from "./claude.ts";
import type { Web } from "./claude/web.ts";

const folder = join(import.meta.dir, "recorded");
const recorded = (name: string) => readFileSync(join(folder, `${name}.sse`));
const hello = { model: "pro", messages: [{ role: "user", content: "hi" }] };

interface Sent {
  url: string;
  headers: Headers;
  body: Record<string, unknown>;
}

/** An adapter whose provider answers with the given slices of bytes. */
function adapterOver(
  parts: () => Uint8Array[],
  provider: Partial<ProviderConfig> = {},
  web?: Web,
) {
  const sent: Sent[] = [];
  const adapter = new ClaudeAdapter(
    { type: "claude", api_key: "sk-ant", models: [], ...provider },
    {
      ...realWorld,
      todayMs: () => 1_700_000_000_000,
      fetch: (url, init) => {
        sent.push({ url, headers: new Headers(init.headers), body: JSON.parse(String(init.body)) });
        return Promise.resolve(eventStream(parts()));
      },
    },
    web,
  );
  return { adapter, sent };
}

async function ask(adapter: ClaudeAdapter, body: object, model = "claude-sonnet-4-5") {
  const { stream = false } = body as { stream?: boolean };
  const pieces: string[] = [];
  let failure: UpstreamFailure | null = null;
  try {
    const call = callOf({ model, bodyText: JSON.stringify(body), stream });
    for await (const text of textsOf(adapter.answer(call))) pieces.push(text);
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    failure = error;
  }
  return { pieces, failure };
}

const streamed = { ...hello, stream: true, stream_options: { include_usage: true } };

/** The expected decoding of a recorded stream: deltas, finish reason, usage, or failure. */
async function decode(parts: () => Uint8Array[]) {
  const { pieces, failure } = await ask(adapterOver(parts).adapter, streamed);
  const chunks = pieces.map((text) => JSON.parse(text) as ChatChunk);
  const choices = chunks.flatMap((chunk) => chunk.choices);
  expect(new Set(chunks.map(({ created, model }) => `${created} ${model}`)).size).toBeLessThan(2);
  return {
    deltas: choices.filter(({ finish_reason }) => finish_reason === null).map(({ delta }) => delta),
    finish: choices.map(({ finish_reason }) => finish_reason).filter((reason) => reason !== null),
    usage: chunks.filter(({ choices }) => choices.length === 0).map(({ usage }) => usage),
    failure: failure && { code: failure.code, type: failure.error?.code },
  };
}

const role = { role: "assistant" as const, content: "" };
const opener = (index: number, id: string, name: string) => ({
  tool_calls: [{ index, id, type: "function" as const, function: { name, arguments: "" } }],
});
const args = (index: number, text: string) => ({
  tool_calls: [{ index, function: { arguments: text } }],
});
const usage = (prompt: number, completion: number, cached = 0, reasoning = 0) => [{
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
  prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: reasoning },
}];

type Decoded = Awaited<ReturnType<typeof decode>>;
const whole = { failure: null };

const expected: Record<string, Decoded> = {
  "claude-text": {
    ...whole,
    deltas: [role, { content: "Hé" }, { content: "llo 🙂" }],
    finish: ["stop"],
    usage: usage(10, 6),
  },
  "claude-thinking-text-two-tools": {
    ...whole,
    deltas: [
      role,
      { reasoning_content: "Plan." },
      { content: "On it." },
      opener(0, "toolu_A", "get_weather"),
      args(0, '{"city":'),
      args(0, '"SF"}'),
      opener(1, "toolu_B", "now"),
      args(1, "{}"),
    ],
    finish: ["tool_calls"],
    usage: usage(140, 57, 40, 12),
  },
  "claude-redacted-thinking": {
    ...whole,
    deltas: [role, opener(0, "toolu_R", "look"), args(0, '{"q":"x"}')],
    finish: ["tool_calls"],
    usage: usage(10, 9),
  },
  "claude-refusal": {
    ...whole,
    deltas: [role, { content: "I" }, { refusal: "This is not something to help with." }],
    finish: ["content_filter"],
    usage: usage(10, 3),
  },
  "claude-second-message-start": {
    ...whole,
    deltas: [role, { content: "a" }, { content: "b" }],
    finish: ["stop"],
    usage: usage(12, 4),
  },
  "claude-late-message-start": {
    ...whole,
    deltas: [role, { content: "late" }],
    finish: ["stop"],
    usage: usage(10, 2),
  },
  "claude-error-after-200": {
    deltas: [],
    finish: [],
    usage: [],
    failure: { code: 503, type: "overloaded" },
  },
  "claude-error-midstream": {
    deltas: [role, { content: "half" }],
    finish: [],
    usage: [],
    failure: { code: 502, type: "server_error" },
  },
  "claude-usage-corrected": {
    ...whole,
    deltas: [role, { content: "ok" }],
    finish: ["length"],
    usage: usage(66, 8, 5),
  },
  "claude-server-tools": {
    ...whole,
    deltas: [
      role,
      { content: "Searching." },
      { content: " Found." },
      opener(0, "toolu_S", "save"),
      args(0, "{}"),
    ],
    finish: ["tool_calls"],
    usage: usage(10, 20),
  },
  "claude-compaction": {
    ...whole,
    deltas: [role, { content: "done" }],
    finish: ["stop"],
    usage: usage(10, 5),
  },
  "claude-cut-off": {
    deltas: [role, { content: "and the" }],
    finish: [],
    usage: [],
    failure: { code: 502, type: "upstream_disconnected" },
  },
  "claude-crlf-unnamed": {
    ...whole,
    deltas: [role, { content: "line\nbreak" }],
    finish: ["stop"],
    usage: usage(10, 3),
  },
};

for (const [name, result] of Object.entries(expected)) {
  test(`${name} decodes the same whole, byte by byte and in random cuts`, async () => {
    const wire = recorded(name);
    expect(await decode(() => [wire])).toEqual(result);
    expect(await decode(() => Array.from(wire, (byte) => Uint8Array.of(byte)))).toEqual(result);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: wire.length - 1 }), { maxLength: 30 }),
        async (cuts) => {
          const marks = [0, ...cuts.sort((a, b) => a - b), wire.length];
          const parts = marks.slice(1).map((to, i) => wire.subarray(marks[i], to));
          expect(await decode(() => parts)).toEqual(result);
        },
      ),
      { numRuns: 20 },
    );
  });
}

test("a caller without a stream gets the same answer whole", async () => {
  const { adapter, sent } = adapterOver(() => [recorded("claude-thinking-text-two-tools")]);
  const { pieces } = await ask(adapter, hello);
  expect(pieces).toHaveLength(1);
  const answer: ChatCompletion = JSON.parse(pieces[0]!);
  expect(answer).toEqual({
    id: "chatcmpl-msg_01",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "pro",
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: "On it.",
        refusal: null,
        reasoning_content: "Plan.",
        thinking_blocks: [{
          type: "thinking",
          thinking: "Plan.",
          signature: "c2ln",
          signed_for: expect.any(String),
        }],
        tool_calls: [
          {
            id: "toolu_A",
            type: "function",
            function: { name: "get_weather", arguments: '{"city":"SF"}' },
          },
          { id: "toolu_B", type: "function", function: { name: "now", arguments: "{}" } },
        ],
      },
      logprobs: null,
      finish_reason: "tool_calls",
    }],
    usage: usage(140, 57, 40, 12)[0]!,
  });
  expect(sent[0]!.body.stream).toBe(true);
});

test("usage is sent only on request", async () => {
  const { adapter } = adapterOver(() => [recorded("claude-text")]);
  const { pieces } = await ask(adapter, { ...hello, stream: true });
  expect(pieces.join()).not.toContain("usage");
});

test("the key, the version and the owner's headers are sent to the right path", async () => {
  const wire = () => [recorded("claude-text")];
  const first = adapterOver(wire);
  await ask(first.adapter, hello);
  expect(first.sent[0]!.url).toBe("https://api.anthropic.com/v1/messages");
  expect(first.sent[0]!.headers.get("x-api-key")).toBe("sk-ant");
  expect(first.sent[0]!.headers.get("anthropic-version")).toBe("2023-06-01");
  const second = adapterOver(wire, {
    base_url: "http://proxy/v1/",
    anthropic_version: "2026-10-21",
    headers: { "anthropic-beta": "b" },
  });
  await ask(second.adapter, hello);
  expect(second.sent[0]!.url).toBe("http://proxy/v1/messages");
  expect(second.sent[0]!.headers.get("anthropic-version")).toBe("2026-10-21");
  expect(second.sent[0]!.headers.get("anthropic-beta")).toBe("b");
});

test("a proxy's key can be sent in another header", async () => {
  const { adapter, sent } = adapterOver(() => [recorded("claude-text")], {
    api_key: undefined,
    headers: { authorization: "Bearer t" },
  });
  await ask(adapter, hello);
  expect(sent[0]!.headers.has("x-api-key")).toBe(false);
  expect(sent[0]!.headers.get("authorization")).toBe("Bearer t");
});

test("thinking before a tool call is sent back with its result, signature included", async () => {
  const { adapter, sent } = adapterOver(() => [recorded("claude-thinking-text-two-tools")]);
  const request = { ...hello, reasoning_effort: "low" };
  const answer: ChatCompletion = JSON.parse((await ask(adapter, request)).pieces[0]!);
  const { reasoning_content: _, ...said } = answer.choices[0]!.message;
  const results = ["toolu_A", "toolu_B"].map((tool_call_id) => ({
    role: "tool",
    tool_call_id,
    content: "ok",
  }));
  const loop = { ...request, messages: [...hello.messages, said, ...results] };
  await ask(adapter, loop);
  const [, assistant] = sent[1]!.body.messages as { content: object[] }[];
  expect(assistant!.content[0]).toEqual({ type: "thinking", thinking: "Plan.", signature: "c2ln" });
  expect(sent[1]!.body.thinking).toEqual({ type: "enabled", budget_tokens: 2048 });
  // Another model's signature is invalid, and a budget without a signature would be rejected.
  await ask(adapter, loop, "claude-haiku-4-5");
  expect(sent[2]!.body.thinking).toBeUndefined();
  expect(JSON.stringify(sent[2]!.body.messages)).not.toContain("Plan.");
});

test("a tool loop continues on another node with the thinking that the caller sends back", async () => {
  const request = { ...hello, reasoning_effort: "low" };
  const wire = () => [recorded("claude-thinking-text-two-tools")];
  const answer: ChatCompletion = JSON.parse(
    (await ask(adapterOver(wire).adapter, request)).pieces[0]!,
  );
  const results = ["toolu_A", "toolu_B"].map((tool_call_id) => ({
    role: "tool",
    tool_call_id,
    content: "ok",
  }));
  const other = adapterOver(wire);
  const messages = [...hello.messages, answer.choices[0]!.message, ...results];
  await ask(other.adapter, { ...request, messages });
  const [, assistant] = other.sent[0]!.body.messages as { content: object[] }[];
  expect(assistant!.content[0]).toEqual({ type: "thinking", thinking: "Plan.", signature: "c2ln" });
  expect(other.sent[0]!.body.thinking).toEqual({ type: "enabled", budget_tokens: 2048 });
});

test("a stream carries signed thinking only for callers that understand it", async () => {
  const blocksFor = async (change: object) => {
    const { adapter } = adapterOver(() => [recorded("claude-redacted-thinking")]);
    const { pieces } = await ask(adapter, { ...streamed, ...change });
    return pieces.map((text) => JSON.parse(text) as ChatChunk).flatMap(({ choices }) =>
      choices.flatMap(({ delta }) => delta.thinking_blocks ?? [])
    );
  };
  expect(await blocksFor({})).toEqual([]);
  const native = { thinking: { type: "enabled", budget_tokens: 1024 } };
  expect(await blocksFor(native)).toMatchObject([{ type: "redacted_thinking" }]);
  const echoed = [{ role: "assistant", content: "a", thinking_blocks: [{ type: "thinking" }] }];
  const messages = [...hello.messages, ...echoed, ...hello.messages];
  expect(await blocksFor({ messages })).toHaveLength(1);
});

test("web citations become annotations with positions in the text", async () => {
  const { adapter } = adapterOver(() => [recorded("claude-server-tools")]);
  const answer: ChatCompletion = JSON.parse((await ask(adapter, hello)).pieces[0]!);
  const { content, annotations } = answer.choices[0]!.message;
  expect(annotations).toEqual([{
    type: "url_citation",
    url_citation: {
      start_index: 10,
      end_index: 17,
      url: "https://example.com",
      title: "https://example.com",
    },
  }]);
  expect(content!.slice(10, 17)).toBe(" Found.");
});

test("an unclosed tool call gets whole arguments, and a missing one is not invented", async () => {
  const event = (type: string, rest: object) => sse({ type, ...rest });
  const start = event("message_start", { message: { id: "m" } });
  const end = event("message_delta", { delta: { stop_reason: "tool_use" } }) +
    event("message_stop", {});
  const tool = { type: "tool_use", id: "t", name: "f", input: { a: 1 } };
  const open = event("content_block_start", { index: 0, content_block: tool });
  const encoder = new TextEncoder();
  const called = await decode(() => [encoder.encode(start + open + end)]);
  expect(called.deltas.at(-1)).toEqual(args(0, '{"a":1}'));
  expect(called.finish).toEqual(["tool_calls"]);
  const none = await decode(() => [encoder.encode(start + end)]);
  expect(none.finish).toEqual(["stop"]);
});

test("a free-text tool's input is unwrapped", async () => {
  const wire = recorded("claude-thinking-text-two-tools").toString()
    .replace('{\\"city\\":', '{\\"input\\":');
  const { adapter, sent } = adapterOver(() => [new TextEncoder().encode(wire)]);
  const tools = [{ type: "custom", custom: { name: "get_weather" } }];
  const { pieces } = await ask(adapter, { ...hello, tools });
  const answer: ChatCompletion = JSON.parse(pieces[0]!);
  expect(answer.choices[0]!.message.tool_calls![0]).toEqual({
    id: "toolu_A",
    type: "custom",
    custom: { name: "get_weather", input: "SF" },
  });
  expect(sent[0]!.body.tools).toMatchObject([{ input_schema: { required: ["input"] } }]);
});

test("an unsupported schema becomes a tool, and the tool's input is the answer", async () => {
  const wire = recorded("claude-thinking-text-two-tools").toString()
    .replace('"name":"get_weather"', '"name":"json"');
  const { adapter, sent } = adapterOver(() => [new TextEncoder().encode(wire)]);
  const schema = { type: "object", properties: { city: { type: "string" } } };
  const format = { type: "json_schema", json_schema: { name: "a", schema } };
  const { pieces } = await ask(
    adapter,
    { ...hello, response_format: format },
    "claude-sonnet-4-20250514",
  );
  expect(sent[0]!.body.tool_choice).toMatchObject({ type: "tool", name: "json" });
  const [choice] = (JSON.parse(pieces[0]!) as ChatCompletion).choices;
  expect(choice!.message.content).toEndWith('{"city":"SF"}');
  expect(choice!.finish_reason).toBe("stop");
});

test("the node fetches images for Claude if its owner allows it", async () => {
  const fetched: string[] = [];
  const web = {
    resolve: () => Promise.resolve(["93.184.216.34"]),
    get: (_: string, url: URL) => {
      fetched.push(url.href);
      const body = (async function* () {
        yield await Promise.resolve(Buffer.from("GIF89a"));
      })();
      return Promise.resolve({
        status: 200,
        location: undefined,
        length: 6,
        body,
        close: () => {},
      });
    },
  };
  const { adapter, sent } = adapterOver(() => [recorded("claude-text")], {
    fetch_images: true,
  }, web);
  const image = { type: "image_url", image_url: { url: "http://a.example/i.gif" } };
  await ask(adapter, { ...hello, messages: [{ role: "user", content: [image] }] });
  expect(fetched).toEqual(["http://a.example/i.gif"]);
  expect(sent[0]!.body.messages).toEqual([{
    role: "user",
    content: [{
      type: "image",
      source: { type: "base64", media_type: "image/gif", data: "R0lGODlh" },
    }],
  }]);
});

test("a request that cannot be translated never reaches the provider", async () => {
  const { adapter, sent } = adapterOver(() => [recorded("claude-text")]);
  const bad: [object, string][] = [
    [{ n: 2 }, "n"],
    [{ logprobs: true }, "logprobs"],
    [{ modalities: ["text", "audio"] }, "modalities"],
    [{ messages: [] }, "messages"],
    [{ messages: [{ role: "user", content: "  \n" }] }, "messages"],
    [{ messages: [{ role: "robot", content: "x" }] }, "messages[0].role"],
    [{ messages: undefined, input: "x" }, "messages"],
    [{ max_tokens: -1 }, "max_tokens"],
    [{ temperature: "hot" }, "temperature"],
    [{ tools: [{ type: "web_search" }] }, "tools[0].type"],
    [
      { tools: [{ type: "function", function: { name: "f" } }], tool_choice: { name: "g" } },
      "tool_choice",
    ],
    ...[
      ["http://10.0.0.1/x.png", "messages[0].content[0].image_url.url"],
      ["data:image/tiff;base64,AAAA", "messages[0].content[0].image_url.url"],
      ["data:image/png,AAAA", "messages[0].content[0].image_url.url"],
      [`data:image/png;base64,${"A".repeat(15 << 20)}`, "messages[0].content[0].image_url.url"],
    ].map(([url, param]): [object, string] => [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] },
      param!,
    ]),
  ];
  for (const [change, param] of bad) {
    const { failure } = await ask(adapter, { ...hello, ...change });
    expect(failure).toMatchObject({ code: 400, error: { param } });
  }
  expect(sent).toHaveLength(0);
});

import { expect, test } from "bun:test";
import { UpstreamFailure } from "../adapter.ts";
import { idWithExtra } from "../chat/call_extra.ts";
import { quirksOf } from "../chat/quirks.ts";
import { type ChatBody, chatBody } from "../chat/request_writer.ts";
import { toJsonText } from "../raw_json.ts";
import { responsesBody } from "../responses/request_writer.ts";
import { readMessagesRequest } from "./request_reader.ts";

const hello = { role: "user", content: "hi" };
const local = quirksOf({ host: "127.0.0.1" });

/** Translates a request into a chat body. */
function chat(change: object, quirks = local): ChatBody {
  const body = { model: "pro", max_tokens: 64, messages: [hello], ...change };
  const { stream = false } = change as { stream?: boolean };
  const request = readMessagesRequest(JSON.stringify(body));
  return JSON.parse(toJsonText(chatBody(request, "local", quirks, stream)));
}

const messagesOf = (...messages: object[]) => chat({ messages }).messages;
const text = (content: string) => ({ type: "text" as const, text: content });
const weather = { name: "f", description: "d", input_schema: { type: "object", $defs: {} } };

function rejection(change: object): { code: number; param: unknown } {
  try {
    chat(change);
  } catch (failure) {
    if (failure instanceof UpstreamFailure) {
      return { code: failure.code, param: failure.error?.param };
    }
    throw failure;
  }
  throw new Error("It was translated");
}

test("a plain question becomes a plain chat with the provider's model name", () => {
  expect(chat({})).toEqual({ model: "local", max_tokens: 64, messages: [hello] } as never);
});

test("a system prompt, text or blocks, is the first message", () => {
  const expected = [{ role: "system", content: "a\n\nb" }, hello];
  expect(chat({ system: "a\n\nb" }).messages).toEqual(expected as never);
  const blocks = [{ ...text("a"), cache_control: { type: "ephemeral" } }, text(""), text("b")];
  expect(chat({ system: blocks }).messages).toEqual(expected as never);
});

test("a later system turn stays in place", () => {
  const brief = { role: "system", content: "be brief" };
  expect(messagesOf(hello, brief, hello)).toEqual([hello, brief, hello] as never);
});

test("neighbours of one role are one message", () => {
  expect(messagesOf(hello, { role: "user", content: [text("there")] })).toEqual([
    { role: "user", content: [text("hi"), text("there")] },
  ] as never);
});

test("images are sent as data or by URL", () => {
  const source = { type: "base64", media_type: "image/png", data: "AAAA" };
  const content = [
    text("see"),
    { type: "image", source },
    { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
  ];
  expect(messagesOf({ role: "user", content })[0]!.content).toEqual([
    text("see"),
    { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
    { type: "image_url", image_url: { url: "https://example.com/a.png" } },
  ]);
});

test("a PDF becomes a file; text documents and search results become tagged text", () => {
  const pdf = { type: "base64", media_type: "application/pdf", data: "JVBE" };
  const plain = { type: "text", media_type: "text/plain", data: "D" };
  const content = [
    { type: "document", source: pdf, title: "a.pdf" },
    { type: "document", source: plain, title: "T", context: "C" },
    { type: "document", source: { type: "content", content: "E" } },
    { type: "search_result", source: "https://x.y", title: "S", content: [text("found")] },
  ];
  expect(messagesOf({ role: "user", content })[0]!.content).toEqual([
    {
      type: "file",
      file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" },
    },
    text("<document>\n<title>T</title>\n<context>C</context>\nD\n</document>"),
    text("<document>\nE\n</document>"),
    text(
      "<search_result>\n<title>S</title>\n<source>https://x.y</source>\nfound\n</search_result>",
    ),
  ]);
});

test("calls keep their ids, and results are tool messages before the user's own content", () => {
  const messages = messagesOf(
    hello,
    {
      role: "assistant",
      content: [
        text("On it."),
        { type: "tool_use", id: "toolu_1", name: "f", input: { a: 1 } },
        { type: "tool_use", id: "toolu_2", name: "g", input: {} },
      ],
    },
    {
      role: "user",
      content: [
        text("and then?"),
        { type: "tool_result", tool_use_id: "toolu_2", is_error: true, content: "no" },
        { type: "tool_result", tool_use_id: "toolu_1", content: [text("x"), text("y")] },
      ],
    },
  );
  expect(messages.slice(1)).toEqual([
    {
      role: "assistant",
      content: "On it.",
      tool_calls: [
        { id: "toolu_1", type: "function", function: { name: "f", arguments: '{"a":1}' } },
        { id: "toolu_2", type: "function", function: { name: "g", arguments: "{}" } },
      ],
    },
    { role: "tool", tool_call_id: "toolu_2", content: "Error: no" },
    { role: "tool", tool_call_id: "toolu_1", content: "x\ny" },
    { role: "user", content: "and then?" },
  ]);
});

test("an image in a tool result moves to a user message, because tool messages hold only text", () => {
  const image = { type: "image", source: { type: "url", url: "https://x.y/i.png" } };
  const [, answer, shown] = messagesOf(
    { role: "assistant", content: [{ type: "tool_use", id: "t", name: "f", input: {} }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: [image] }] },
  );
  expect(answer).toMatchObject({ role: "tool", tool_call_id: "t" });
  expect(shown).toEqual({
    role: "user",
    content: [
      text("Shown by the tool call t:"),
      { type: "image_url", image_url: { url: "https://x.y/i.png" } },
    ],
  });
});

test("thinking is sent as reasoning_content, except to OpenAI itself; redacted thinking is dropped", () => {
  const content = [
    { type: "thinking", thinking: "Plan.", signature: "s" },
    { type: "redacted_thinking", data: "x" },
    text("ok"),
  ];
  const messages = [hello, { role: "assistant", content }];
  expect(chat({ messages }).messages[1]).toEqual({
    role: "assistant",
    content: "ok",
    reasoning_content: "Plan.",
  });
  const openai = quirksOf({ host: "api.openai.com" });
  expect(chat({ messages }, openai).messages[1]).toEqual({ role: "assistant", content: "ok" });
});

test("max_tokens is sent under the provider's name for it", () => {
  expect(chat({}).max_tokens).toBe(64);
  const openai = chat({}, quirksOf({ host: "api.openai.com" }));
  expect([openai.max_tokens, openai.max_completion_tokens]).toEqual([undefined, 64]);
  expect(quirksOf({ host: "me.openai.azure.com" }).limitName).toBe("max_completion_tokens");
  expect(quirksOf({ host: "notopenai.com" }).limitName).toBe("max_tokens");
});

test("a stream is requested with its usage", () => {
  expect(chat({ stream: true })).toMatchObject({
    stream: true,
    stream_options: { include_usage: true },
  });
});

test("sampling, stops, user and service tier are mapped", () => {
  const request = chat({
    temperature: 0.5,
    top_p: 0.9,
    top_k: 5,
    stop_sequences: ["a", "b"],
    metadata: { user_id: "u-1" },
    service_tier: "standard_only",
  });
  expect(request).toMatchObject({
    temperature: 0.5,
    top_p: 0.9,
    top_k: 5,
    stop: ["a", "b"],
    user: "u-1",
    service_tier: "default",
  });
});

test("a user id that is too long for OpenAI becomes a short one, always the same", () => {
  const user = (user_id: string) => chat({ metadata: { user_id } }).user;
  expect(user("x".repeat(64))).toBe("x".repeat(64));
  expect(user("x".repeat(65))).toMatch(/^[0-9a-f]{16}$/);
  expect(user("x".repeat(65))).toBe(user("x".repeat(65))!);
  expect(user("x".repeat(65))).not.toBe(user("x".repeat(66))!);
});

test("tools keep their whole schema, and always have one", () => {
  const tools = [weather, { name: "g", type: "custom", strict: true }];
  expect(chat({ tools }).tools).toEqual([
    {
      type: "function",
      function: { name: "f", description: "d", parameters: { type: "object", $defs: {} } },
    },
    {
      type: "function",
      function: { name: "g", parameters: { type: "object", properties: {} }, strict: true },
    },
  ]);
});

test("every tool_choice is mapped", () => {
  const choices: [object, unknown][] = [
    [{ type: "auto" }, "auto"],
    [{ type: "any" }, "required"],
    [{ type: "none" }, "none"],
    [{ type: "tool", name: "f" }, { type: "function", function: { name: "f" } }],
  ];
  for (const [tool_choice, expected] of choices) {
    expect(chat({ tools: [weather], tool_choice }).tool_choice).toEqual(expected as never);
  }
  expect(chat({ tool_choice: { type: "any" } }).tool_choice).toBeUndefined();
  const single = chat({
    tools: [weather],
    tool_choice: { type: "auto", disable_parallel_tool_use: true },
  });
  expect(single.parallel_tool_calls).toBe(false);
});

test("effort is kept, a budget becomes the nearest effort, and disabled thinking is left out", () => {
  const effort = (change: object) => chat(change).reasoning_effort;
  expect(effort({ output_config: { effort: "max" } })).toBe("max");
  const budget = (budget_tokens: number) => ({ thinking: { type: "enabled", budget_tokens } });
  expect([1024, 4096, 16_384].map((tokens) => effort(budget(tokens)))).toEqual([
    "low",
    "medium",
    "high",
  ]);
  expect(effort({ thinking: { type: "disabled" } })).toBeUndefined();
  expect(effort({ thinking: { type: "adaptive" } })).toBeUndefined();
  expect(effort({})).toBeUndefined();
});

test("a schema becomes response_format, strict only if OpenAI accepts it so", () => {
  const wants = (schema: object) =>
    chat({ output_config: { format: { type: "json_schema", schema } } }).response_format;
  const closed = {
    type: "object",
    properties: { n: { type: "integer" } },
    required: ["n"],
    additionalProperties: false,
  };
  expect(wants(closed)).toEqual({
    type: "json_schema",
    json_schema: { name: "answer", schema: closed, strict: true },
  });
  const open = { type: "object", properties: { n: closed, m: {} }, required: ["n"] };
  expect(wants(open)).toEqual({
    type: "json_schema",
    json_schema: { name: "answer", schema: open },
  });
});

test("a field without an equivalent is a 400 that names it", () => {
  const user = (...content: object[]) => ({ messages: [{ role: "user", content }] });
  const cases: [object, string][] = [
    [{ max_tokens: 0 }, "max_tokens"],
    [{ max_tokens: undefined }, "max_tokens"],
    [{ messages: [] }, "messages"],
    [{ messages: [{ role: "tool", content: "x" }] }, "messages[0].role"],
    [{ temperature: 2 }, "temperature"],
    [{ container: { skills: [] } }, "container"],
    [{ inference_geo: "eu" }, "inference_geo"],
    [{ mcp_servers: [{ url: "https://x.y" }] }, "mcp_servers"],
    [{ tools: [{ type: "web_search_20260318", name: "web_search" }] }, "tools[0].type"],
    [{ tools: [weather], tool_choice: { type: "tool", name: "g" } }, "tool_choice.name"],
    [{ output_config: { format: { type: "grammar" } } }, "output_config.format"],
    [user({ type: "container_upload", file_id: "f" }), "messages[0].content[0].type"],
    [
      user(text("a"), { type: "image", source: { type: "file", file_id: "f" } }),
      "messages[0].content[1].source.type",
    ],
    [
      user({ type: "document", source: { type: "url", url: "https://x.y/a.pdf" } }),
      "messages[0].content[0].source.type",
    ],
    [user({ type: "tool_result", content: "x" }), "messages[0].content[0].tool_use_id"],
    [
      user({ type: "tool_result", tool_use_id: "t", content: [{ type: "of_tomorrow" }] }),
      "messages[0].content[0].content[0].type",
    ],
    [
      {
        messages: [hello, {
          role: "assistant",
          content: [{ type: "of_tomorrow", id: "s", name: "web_search", input: {} }],
        }],
      },
      "messages[1].content[0].type",
    ],
    [{ system: [{ type: "image" }] }, "system[0].type"],
    [
      user({ type: "tool_result", tool_use_id: "t", content: { a: 1 } }),
      "messages[0].content[0].content",
    ],
  ];
  for (const [change, param] of cases) expect(rejection(change)).toEqual({ code: 400, param });
});

test("blocks of Anthropic's own tools in earlier turns become text", () => {
  const search = '{"query":"a","page":9007199254740993}';
  const text = `{"model":"pro","max_tokens":9,"messages":[{"role":"user","content":"x"},` +
    `{"role":"assistant","content":[{"type":"server_tool_use","id":"s","name":"web_search",` +
    `"input":${search}},{"type":"web_search_tool_result","tool_use_id":"s","content":[` +
    `{"type":"web_search_result","url":"https://a.b","title":"T"}]},{"type":"text","text":"ok"}]},` +
    `{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[` +
    `{"type":"tool_reference","tool_name":"f"}]}]}]}`;
  const { messages } = chatBody(readMessagesRequest(text), "local", local, false);
  const content = String(messages[1]!.content);
  expect(content).toContain(`<server_tool_use>\n{"id":"s","name":"web_search","input":${search}}`);
  expect(content).toContain("<web_search_tool_result>");
  expect(content).toContain("https://a.b");
  expect(content).toEndWith("ok");
  expect(messages[2]).toMatchObject({ role: "tool", tool_call_id: "t" });
  expect(String(messages[2]!.content)).toContain('"tool_name":"f"');
});

test("every call of Anthropic's own tools and servers, and its result, becomes text", () => {
  const blocks = [
    { type: "mcp_tool_use", id: "m", name: "n", server_name: "s", input: { a: 1 } },
    { type: "mcp_tool_result", tool_use_id: "m", content: [{ type: "text", text: "r" }] },
    {
      type: "bash_code_execution_tool_result",
      tool_use_id: "b",
      content: { type: "bash_code_execution_result", stdout: "out", return_code: 0 },
    },
    { type: "compaction", content: "the summary" },
  ];
  const { messages } = chat({ messages: [hello, { role: "assistant", content: blocks }, hello] });
  const text = String((messages as { content: unknown }[])[1]!.content);
  for (const part of ["<mcp_tool_use>", '"text":"r"', '"stdout":"out"', "the summary"]) {
    expect(text).toContain(part);
  }
});

test("a server without stop sequences names the caller's own field for them", () => {
  const body = { model: "m", max_tokens: 9, messages: [hello], stop_sequences: ["x"] };
  const request = readMessagesRequest(JSON.stringify(body));
  expect(() => responsesBody(request, "m", quirksOf({ host: "localhost" }), false))
    .toThrow(
      expect.objectContaining({ error: expect.objectContaining({ param: "stop_sequences" }) }),
    );
});

test("arguments and schemas keep their numbers and key order", () => {
  const exact = '{ "10":2512292042121000001, "9": 1.0 }';
  const text = `{"model":"pro","max_tokens":9,"messages":[{"role":"user","content":"x"},` +
    `{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":${exact}}]},` +
    `{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]}],` +
    `"tools":[{"name":"f","input_schema":${exact}}],` +
    `"output_config":{"format":{"type":"json_schema","schema":${exact}}}}`;
  const body = toJsonText(chatBody(readMessagesRequest(text), "local", local, false));
  expect(body).toContain(`"arguments":${JSON.stringify(exact)}`);
  expect(body).toContain(`"parameters":${exact}`);
  expect(body).toContain(`"schema":${exact}`);
});

test("the beta's output_format is the same as output_config.format", () => {
  const format = { type: "json_schema", schema: { type: "object" } };
  expect(chat({ output_format: format })).toEqual(chat({ output_config: { format } }));
  expect(rejection({ output_format: { type: "grammar" } }).param).toBe("output_format");
});

test("Claude Code's billing line is dropped", () => {
  const line = { type: "text", text: "x-anthropic-billing-header: cc_version=2.1; cch=36ee5;" };
  expect(chat({ system: [line, { type: "text", text: "a" }] }).messages[0])
    .toEqual({ role: "system", content: "a" });
  expect(chat({ system: [line] }).messages).toEqual([hello]);
});

test("what a provider wants back with a call is taken out of the call's id", () => {
  const id = idWithExtra("call_a", { google: { thought_signature: "SIG" } });
  const [, assistant, result] = messagesOf(
    hello,
    { role: "assistant", content: [{ type: "tool_use", id, name: "f", input: {} }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: "r" }] },
  );
  expect(assistant!.tool_calls).toEqual([{
    id: "call_a",
    type: "function",
    function: { name: "f", arguments: "{}" },
    extra_content: { google: { thought_signature: "SIG" } },
  }]);
  expect(result!.tool_call_id).toBe("call_a");
});

test("fields that only save time or money are left out", () => {
  const wishes = {
    cache_control: { type: "ephemeral" },
    service_tier: "auto",
    speed: "fast",
    context_management: { edits: [] },
    betas: ["x"],
  };
  expect(chat(wishes)).toEqual(chat({}));
});

import { describe, expect, test } from "bun:test";
import { UpstreamFailure } from "../adapter.ts";
import { idWithExtra } from "../chat/call_extra.ts";
import { quirksOf } from "../chat/quirks.ts";
import { type ChatBody, chatBody } from "../chat/request_writer.ts";
import { factsOf } from "../claude/model_facts.ts";
import { claudeRequest } from "../claude/request.ts";
import { marked } from "../claude/thinking_blocks.ts";
import type { ModelRequest } from "../bridge/model_request.ts";
import { ThinkingMemory } from "../claude/thinking_memory.ts";
import type { ClaudeRequest } from "../claude/wire.ts";
import { toJsonText } from "../raw_json.ts";
import { readResponsesRequest } from "./request_reader.ts";
import { sealThinking } from "./sealed_thinking.ts";

const CLAUDE = "claude-opus-5";

/** The chat body that a request becomes. */
function chat(change: object, quirks = quirksOf({ host: "localhost" })): ChatBody {
  const text = JSON.stringify({ model: "pro", input: "hi", ...change });
  return JSON.parse(toJsonText(chatBody(readResponsesRequest(text), "local", quirks, false)));
}

/** The Claude request that a request becomes. */
function claude(change: object): ClaudeRequest {
  const { body } = claudeRequest(request(change), CLAUDE, factsOf(CLAUDE)!, new ThinkingMemory());
  return JSON.parse(toJsonText(body));
}

function request(change: object): ModelRequest {
  return readResponsesRequest(JSON.stringify({ model: "pro", input: "hi", ...change }));
}

function rejection(change: object): { code: number; param: unknown } {
  try {
    chat(change);
  } catch (failure) {
    if (!(failure instanceof UpstreamFailure)) throw failure;
    return { code: failure.code, param: failure.error?.param };
  }
  throw new Error("It was translated");
}

const messagesOf = (...input: object[]) => chat({ input }).messages;
const user = (content: unknown) => ({ role: "user", content });
const f = { type: "function", name: "f", description: "d", parameters: { type: "object" } };
const call = (call_id: string, args = "{}") => ({
  type: "function_call",
  call_id,
  name: "f",
  arguments: args,
});
const output = (call_id: string, output: unknown = "r") => ({
  type: "function_call_output",
  call_id,
  output,
});

test("a text is the user's message, after the instructions", () => {
  expect(chat({}).messages).toEqual([user("hi")]);
  expect(chat({ instructions: "Be brief." }).messages)
    .toEqual([{ role: "system", content: "Be brief." }, user("hi")]);
});

test("leading system and developer messages join the instructions; later ones stay in place", () => {
  const developer = (content: string) => ({ type: "message", role: "developer", content });
  const input = [developer("a"), { role: "system", content: "b" }, user("hi"), developer("c")];
  expect(chat({ instructions: "i", input }).messages).toEqual([
    { role: "system", content: "i\n\na\n\nb" },
    user("hi"),
    { role: "system", content: "c" },
  ]);
});

test("texts, images and files become parts", () => {
  const content = [
    { type: "input_text", text: "a" },
    { type: "input_image", image_url: "https://a.b/c.png", detail: "low" },
    { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" },
  ];
  expect(messagesOf(user(content))).toEqual([user([
    { type: "text", text: "a" },
    { type: "image_url", image_url: { url: "https://a.b/c.png", detail: "low" } },
    { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" } },
  ])]);
});

test("an assistant's reasoning, text and calls are one message, and outputs are tool messages", () => {
  const input = [
    user("hi"),
    { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }] },
    {
      type: "message",
      role: "assistant",
      content: [{ type: "output_text", text: "On it.", annotations: [] }],
    },
    call("a", '{"x":2512292042121000001}'),
    call("b"),
    output("a"),
    output("b", [
      { type: "input_text", text: "s" },
      { type: "input_image", image_url: "data:image/png;base64,AA" },
    ]),
    user("and?"),
  ];
  expect(messagesOf(...input)).toEqual([
    user("hi"),
    {
      role: "assistant",
      content: "On it.",
      reasoning_content: "Hm.",
      tool_calls: [
        {
          id: "a",
          type: "function",
          function: { name: "f", arguments: '{"x":2512292042121000001}' },
        },
        { id: "b", type: "function", function: { name: "f", arguments: "{}" } },
      ],
    },
    { role: "tool", tool_call_id: "a", content: "r" },
    {
      role: "tool",
      tool_call_id: "b",
      content: "s\n(What this tool showed follows in the next message.)",
    },
    user([
      { type: "text", text: "Shown by the tool call b:" },
      { type: "image_url", image_url: { url: "data:image/png;base64,AA" } },
      { type: "text", text: "and?" },
    ]),
  ]);
});

test("what a provider wants back with a call is taken out of its call_id", () => {
  const id = idWithExtra("a", { google: { thought_signature: "SIG" } });
  const [, assistant, tool] = messagesOf(user("hi"), call(id), output(id));
  expect(assistant!.tool_calls).toMatchObject([{
    id: "a",
    extra_content: { google: { thought_signature: "SIG" } },
  }]);
  expect(tool!.tool_call_id).toBe("a");
});

test("limits, sampling, effort, format and the user are mapped", () => {
  expect(chat({
    max_output_tokens: 9,
    temperature: 0.5,
    top_p: 0.9,
    reasoning: { effort: "high", summary: "auto" },
    text: {
      format: { type: "json_schema", name: "n", schema: { type: "object" }, strict: true },
      verbosity: "low",
    },
    safety_identifier: "u",
    service_tier: "flex",
  })).toEqual({
    model: "local",
    messages: [user("hi")],
    max_tokens: 9,
    temperature: 0.5,
    top_p: 0.9,
    reasoning_effort: "high",
    response_format: {
      type: "json_schema",
      json_schema: { name: "n", schema: { type: "object" }, strict: true },
    },
    user: "u",
    service_tier: "flex",
    verbosity: "low",
  });
  expect(chat({ text: { format: { type: "json_object" } } }).response_format)
    .toEqual({ type: "json_object" });
  expect(chat({ text: { format: { type: "text" } } }).response_format).toBeUndefined();
});

test("function tools keep their schema; free-text tools take an object with their text", () => {
  const patch = {
    type: "custom",
    name: "patch",
    description: "Edits.",
    format: { type: "grammar", syntax: "lark", definition: "start: x" },
  };
  const { tools, tool_choice, parallel_tool_calls } = chat({
    tools: [{ ...f, strict: true }, patch],
    tool_choice: { type: "custom", name: "patch" },
    parallel_tool_calls: false,
  });
  expect(tools).toEqual([
    {
      type: "function",
      function: { name: "f", description: "d", parameters: { type: "object" }, strict: true },
    },
    {
      type: "function",
      function: {
        name: "patch",
        description: "Edits.\n\nThe input must match this lark grammar:\nstart: x",
        parameters: {
          type: "object",
          properties: { input: { type: "string" } },
          required: ["input"],
        },
      },
    },
  ]);
  expect(tool_choice).toEqual({ type: "function", function: { name: "patch" } });
  expect(parallel_tool_calls).toBe(false);
  const [, assistant] = messagesOf(user("hi"), {
    type: "custom_tool_call",
    call_id: "a",
    name: "patch",
    input: "*** Begin",
  });
  expect(assistant!.tool_calls).toMatchObject([{
    function: { name: "patch", arguments: '{"input":"*** Begin"}' },
  }]);
});

test("every tool_choice is mapped", () => {
  const choice = (tool_choice: unknown) => chat({ tools: [f], tool_choice }).tool_choice;
  expect(choice("auto")).toBe("auto");
  expect(choice("none")).toBe("none");
  expect(choice("required")).toBe("required");
  expect(choice({ type: "function", name: "f" }))
    .toEqual({ type: "function", function: { name: "f" } });
  const g = { ...f, name: "g" };
  const allowed = {
    type: "allowed_tools",
    mode: "required",
    tools: [{ type: "function", name: "g" }],
  };
  const body = chat({ tools: [f, g], tool_choice: allowed });
  expect(body.tools).toMatchObject([{ function: { name: "g" } }]);
  expect(body.tool_choice).toBe("required");
  expect(chat({ tool_choice: "required" }).tool_choice).toBeUndefined();
});

describe("for Claude,", () => {
  test("instructions, turns and tools are in its own form", () => {
    const body = claude({
      instructions: "Be brief.",
      input: [user("hi"), call("a"), output("a")],
      tools: [f],
      tool_choice: "required",
      max_output_tokens: 9,
    });
    expect(body).toMatchObject({
      system: [{ type: "text", text: "Be brief." }],
      max_tokens: 9,
      messages: [
        { role: "user", content: [{ type: "text", text: "hi" }] },
        { role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "a" }] },
      ],
      tools: [{ name: "f" }],
      tool_choice: { type: "any" },
    });
  });

  test("sealed thinking comes back as it was signed, before the call it led to", () => {
    const signed = { type: "thinking", thinking: "Hm.", signature: "s" };
    const reasoning = {
      type: "reasoning",
      summary: [{ type: "summary_text", text: "Hm." }],
      encrypted_content: sealThinking(marked([signed], CLAUDE)),
    };
    const { messages } = claude({ input: [user("hi"), reasoning, call("a"), output("a")] });
    expect(messages[1]!.content).toMatchObject([signed, { type: "tool_use" }]);
  });

  test("another provider's sealed reasoning is left out", () => {
    const reasoning = { type: "reasoning", summary: [], encrypted_content: "gAAAA" };
    const { messages } = claude({ input: [user("hi"), reasoning, call("a"), output("a")] });
    expect(messages[1]!.content).toMatchObject([{ type: "tool_use" }]);
  });
});

test("a field that cannot be expressed is a 400 that names it", () => {
  const cases: [object, string][] = [
    [{ previous_response_id: "resp_1" }, "previous_response_id"],
    [{ conversation: "conv_1" }, "conversation"],
    [{ background: true }, "background"],
    [{ prompt: { id: "p" } }, "prompt"],
    [{ top_logprobs: 3 }, "top_logprobs"],
    [{ include: ["message.output_text.logprobs"] }, "include"],
    [{ tools: [{ type: "web_search" }] }, "tools[0].type"],
    [{ tools: [f, { type: "mcp", server_label: "s" }] }, "tools[1].type"],
    [{ tools: [{ type: "function" }] }, "tools[0].name"],
    [{ tools: [f], tool_choice: { type: "function", name: "g" } }, "tool_choice"],
    [{ tools: [f], tool_choice: { type: "web_search" } }, "tool_choice"],
    [{ text: { format: { type: "grammar" } } }, "text.format.type"],
    [{ text: { format: { type: "json_schema", name: "n" } } }, "text.format.schema"],
    [{ input: [] }, "input"],
    [{ input: null }, "input"],
    [{ input: [{ type: "item_reference", id: "x" }] }, "input[0].type"],
    [{ input: [{ type: "message", content: "x" }] }, "input[0].role"],
    [{ input: [{ ...call("a"), call_id: null }] }, "input[0].call_id"],
    [{ input: [{ ...call("a"), name: undefined }] }, "input[0].name"],
    [{ input: [output("")] }, "input[0].call_id"],
    [{ input: [user([{ type: "input_audio" }])] }, "input[0].content[0].type"],
    [
      { input: [user([{ type: "input_image", file_id: "f" }])] },
      "input[0].content[0].image_url",
    ],
    [{ input: [user([{ type: "input_file", file_id: "f" }])] }, "input[0].content[0].file_data"],
    [
      { input: [{ role: "system", content: [{ type: "input_image", image_url: "x" }] }] },
      "input[0].content",
    ],
    [{ max_output_tokens: 0 }, "max_output_tokens"],
    [{ temperature: "hot" }, "temperature"],
  ];
  for (const [change, param] of cases) expect(rejection(change)).toEqual({ code: 400, param });
});

const search = { type: "web_search", external_web_access: false };
const agents = {
  type: "namespace",
  name: "agents",
  description: "Sub-agents.",
  tools: [{ type: "function", name: "spawn", parameters: { type: "object", properties: {} } }],
};

test("hosted tools are left out beside tools that the model can use without them", () => {
  const { tools } = request({ tools: [f, search, { type: "tool_search" }] });
  expect(tools.map(({ name }) => name)).toEqual(["f"]);
});

test("tools in a namespace are offered under names that contain the namespace's", () => {
  const long = { ...agents, name: "mcp__".padEnd(60, "x") };
  const ended = { ...agents, name: "mcp__files__" };
  const { tools } = request({ tools: [f, agents, ended, long] });
  expect(tools.map(({ name }) => name)).toEqual([
    "f",
    "agents__spawn",
    "mcp__files__spawn",
    expect.stringMatching(/^mcp__x+_[0-9a-f]{16}$/),
  ]);
  for (const { name } of tools) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
});

test("calls and choices name a namespace's tool as it is offered", () => {
  const { turns, toolChoice } = request({
    tools: [agents],
    tool_choice: { type: "function", name: "spawn", namespace: "agents" },
    input: [user("hi"), { ...call("a"), name: "spawn", namespace: "agents" }, output("a")],
  });
  expect(turns[1]!.parts).toMatchObject([{ type: "call", name: "agents__spawn" }]);
  expect(toolChoice).toEqual({ mode: "tool", name: "agents__spawn" });
});

test("calls of hosted tools in earlier turns become text", () => {
  const search = {
    type: "web_search_call",
    id: "ws_1",
    status: "completed",
    action: { query: "q" },
  };
  const [, assistant] = messagesOf(user("hi"), search, user("and?"));
  expect(assistant).toMatchObject({ role: "assistant" });
  expect(String(assistant!.content)).toContain('"query":"q"');
});

test("so do lists, approvals and findings of hosted tools", () => {
  const items = [
    { type: "mcp_list_tools", id: "m", server_label: "s", tools: [{ name: "t" }] },
    { type: "mcp_approval_request", id: "p", name: "t", arguments: '{"a":1}' },
    { type: "tool_search_output", call_id: "s", tools: [{ name: "found" }] },
  ];
  const [, assistant] = messagesOf(user("hi"), ...items, user("and?"));
  for (const text of ["mcp_list_tools", "mcp_approval_request", "found"]) {
    expect(String(assistant!.content)).toContain(text);
  }
});

test("past reasoning is its summary, or what an open model's server sent in full", () => {
  const said = { type: "message", role: "assistant", content: "a" };
  const full = [{ type: "reasoning_text", text: "Hm, " }];
  const reasoning = (item: object) =>
    messagesOf(user("hi"), { type: "reasoning", ...item }, said)[1]!.reasoning_content;
  expect(reasoning({ summary: [{ type: "summary_text", text: "short" }], content: full }))
    .toBe("short");
  expect(reasoning({ summary: [], content: full })).toBe("Hm, ");
  expect(reasoning({ content: full })).toBe("Hm, ");
  expect(reasoning({ summary: [] })).toBeUndefined();
});

test("arguments that are an object are its text, to the last digit", () => {
  const object = '{ "id":2512292042121000001 }';
  const text = `{"model":"pro","input":[{"role":"user","content":"hi"},` +
    `{"type":"function_call","call_id":"a","name":"f","arguments":${object}}]}`;
  expect(readResponsesRequest(text).turns[1]!.parts).toMatchObject([{ argumentsText: object }]);
});

test("fields that change nothing for the caller are left out", () => {
  const wishes = {
    store: true,
    include: ["reasoning.encrypted_content"],
    truncation: "auto",
    metadata: { a: "b" },
    prompt_cache_key: "k",
    stream_options: { include_obfuscation: false },
    background: false,
    previous_response_id: null,
  };
  expect(chat(wishes)).toEqual({ model: "local", messages: [user("hi")] } as never);
});

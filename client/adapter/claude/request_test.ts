import { expect, test } from "bun:test";
import { readChatRequest } from "./chat_request.ts";
import { UpstreamFailure } from "../adapter.ts";
import { factsOf, unknownModel } from "./model_facts.ts";
import { translate } from "./request.ts";
import { marked } from "./thinking_blocks.ts";
import { ThinkingMemory } from "./thinking_memory.ts";
import type { Block, ClaudeRequest } from "./wire.ts";

const OLD = "claude-sonnet-4-5";
const NEW = "claude-opus-5";
const hello = [{ role: "user", content: "hi" }];

function claude(body: object, model = OLD): ClaudeRequest {
  const text = JSON.stringify({ messages: hello, ...body });
  const facts = factsOf(model) ?? unknownModel;
  return translate(readChatRequest(text), model, facts, new ThinkingMemory()).request;
}

function refusal(body: object): { code: number; param: unknown } {
  try {
    claude(body);
  } catch (failure) {
    if (!(failure instanceof UpstreamFailure)) throw failure;
    return { code: failure.code, param: failure.error?.param };
  }
  throw new Error("It was translated");
}

const turns = (...messages: object[]) => claude({ messages }).messages;
const text = (content: string) => ({ type: "text", text: content });
const call = (id: string, name = "f", args = "{}") => ({
  id,
  type: "function",
  function: { name, arguments: args },
});
const calling = (...ids: string[]) => ({
  role: "assistant",
  content: null,
  tool_calls: ids.map((id) => call(id)),
});
const result = (id: string, content: unknown = "r") => ({
  role: "tool",
  tool_call_id: id,
  content,
});

test("leading system and developer messages become the system prompt, a block each", () => {
  const request = claude({
    messages: [{ role: "system", content: "a" }, { role: "developer", content: "b" }, ...hello],
  });
  expect(request.system).toEqual([text("a"), text("b")]);
  expect(request.messages).toEqual([{ role: "user", content: [text("hi")] }]);
});

test("a later system message stays where it was said", () => {
  expect(turns(...hello, { role: "system", content: "be brief" })).toEqual([
    { role: "user", content: [text("hi"), text("<system>be brief</system>")] },
  ]);
});

test("neighbours of one role are merged, and a first assistant turn gets a user turn before it", () => {
  const said = (content: string) => ({ role: "assistant", content });
  expect(turns(said("a"), said("b"), ...hello, ...hello)).toEqual([
    { role: "user", content: [text("Continue.")] },
    { role: "assistant", content: [text("a"), text("b")] },
    { role: "user", content: [text("hi"), text("hi")] },
  ]);
});

test("all results of a turn come first in one user turn, in the calls' order", () => {
  const messages = [...hello, calling("a", "b"), result("b"), ...hello, result("a")];
  expect(turns(...messages)[2]).toEqual({
    role: "user",
    content: [
      { type: "tool_result", tool_use_id: "a", content: [text("r")] },
      { type: "tool_result", tool_use_id: "b", content: [text("r")] },
      text("hi"),
    ],
  });
});

test("a call without a result gets one that says so, and a result without a call becomes text", () => {
  const [, , answer] = turns(...hello, calling("a"), result("z", "stray"));
  expect(answer!.content[0]).toMatchObject({ tool_use_id: "a", is_error: true });
  expect(answer!.content[1]).toEqual(text("<tool_result>stray</tool_result>"));
});

test("arguments that are no JSON object are wrapped, not refused", () => {
  const inputs = ["", "{bad", "[1]", '{"a":1}'].map((args) =>
    turns(...hello, { role: "assistant", tool_calls: [call("a", "f", args)] })[1]!.content[0]!.input
  );
  expect(inputs).toEqual([{}, { arguments: "{bad" }, { value: [1] }, { a: 1 }]);
});

test("ids that Claude refuses are changed alike in call and result, and never collide", () => {
  const [, calls, results] = turns(...hello, calling("f:0", "f.0"), result("f.0"), result("f:0"));
  const ids = calls!.content.map(({ id }) => String(id));
  expect(new Set(ids).size).toBe(2);
  for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
  expect(results!.content.map(({ tool_use_id }) => tool_use_id)).toEqual(ids);
});

test("functions of the old form find their results", () => {
  const [, said, answer] = turns(
    ...hello,
    { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
    { role: "function", name: "f", content: "42" },
  );
  expect(answer!.content[0]).toMatchObject({
    type: "tool_result",
    tool_use_id: said!.content[0]!.id,
  });
});

test("white text is dropped and the end of a last assistant turn trimmed", () => {
  const said = { role: "assistant", content: [{ type: "text", text: " " }, text("a  \n")] };
  expect(turns(...hello, said)[1]!.content).toEqual([text("a")]);
});

test("images and documents become their blocks", () => {
  const parts = [
    { type: "image_url", image_url: { url: "data:image/jpg;x=y;base64,AAAA" } },
    { type: "image_url", image_url: { url: "https://example.com/a.png" } },
    { type: "image_url", image_url: { url: "data:application/pdf;base64,JVBE" } },
    { type: "file", file: { filename: "n.txt", file_data: "data:text/plain;base64,aMOp" } },
  ];
  expect(turns({ role: "user", content: parts })[0]!.content).toEqual([
    { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AAAA" } },
    { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
    {
      type: "document",
      source: { type: "base64", media_type: "application/pdf", data: "JVBE" },
    },
    {
      type: "document",
      source: { type: "text", media_type: "text/plain", data: "hé" },
      title: "n.txt",
    },
  ]);
});

test("max_tokens is the caller's, within what the model can, or all that it can", () => {
  expect(claude({ max_tokens: 5, max_completion_tokens: 7 }).max_tokens).toBe(7);
  expect(claude({}).max_tokens).toBe(64_000);
  expect(claude({ max_tokens: 1_000_000 }).max_tokens).toBe(64_000);
});

test("sampling is told only to models that take it, and never both kinds", () => {
  const asked = { temperature: 1.5, top_p: 0.5, top_k: 3 };
  expect(claude(asked)).toMatchObject({ temperature: 1, top_k: 3 });
  expect(claude(asked).top_p).toBeUndefined();
  expect(claude({ top_p: 0.5 }).top_p).toBe(0.5);
  for (const model of [NEW, "claude-of-tomorrow"]) {
    const { temperature, top_p, top_k } = claude(asked, model);
    expect([temperature, top_p, top_k]).toEqual([undefined, undefined, undefined]);
  }
});

test("stops become a list without the blank ones", () => {
  expect(claude({ stop: "x" }).stop_sequences).toEqual(["x"]);
  expect(claude({ stop: ["", "\n", "y"] }).stop_sequences).toEqual(["y"]);
  expect(claude({ stop: null }).stop_sequences).toBeUndefined();
});

test("only opaque user ids are told", () => {
  expect(claude({ user: "u-1" }).metadata).toEqual({ user_id: "u-1" });
  for (const user of ["a@b.c", "+49 170 1234567"]) {
    expect(claude({ user }).metadata).toBeUndefined();
  }
});

const tools = [
  { type: "function", function: { name: "f", parameters: { type: "object", $defs: {} } } },
  { type: "function", function: { name: "g" } },
];

test("tools keep their whole schema, and always have one", () => {
  expect(claude({ tools }).tools).toEqual([
    { name: "f", input_schema: { properties: {}, type: "object", $defs: {} } },
    { name: "g", input_schema: { properties: {}, type: "object" } },
  ]);
});

test("every tool_choice has its counterpart", () => {
  const choices: [unknown, unknown][] = [
    ["none", { type: "none" }],
    ["auto", { type: "auto" }],
    ["required", { type: "any" }],
    [{ type: "function", function: { name: "g" } }, { type: "tool", name: "g" }],
    [null, undefined],
  ];
  for (const [tool_choice, choice] of choices) {
    expect(claude({ tools, tool_choice }).tool_choice).toEqual(choice as never);
  }
  expect(claude({ tool_choice: "required" }).tool_choice).toBeUndefined();
});

test("the choice of the old form counts where there is no new one", () => {
  const functions = [{ name: "f" }, { name: "g" }];
  const chosen = (function_call: unknown) => claude({ functions, function_call }).tool_choice;
  expect(chosen({ name: "g" })).toEqual({ type: "tool", name: "g" });
  expect(chosen("none")).toEqual({ type: "none" });
});

test("names that Claude refuses, and names given twice, are refused before it is asked", () => {
  const named = (...names: string[]) =>
    refusal({ tools: names.map((name) => ({ type: "function", function: { name } })) });
  expect(named("a", "b c")).toEqual({ code: 400, param: "tools[1]" });
  expect(named("a", "b", "a")).toEqual({ code: 400, param: "tools[2]" });
  expect(refusal({ tools, functions: [{ name: "f" }] })).toEqual({
    code: 400,
    param: "functions[0]",
  });
});

test("a search of the web is refused rather than left out", () => {
  expect(refusal({ web_search_options: {} })).toEqual({ code: 400, param: "web_search_options" });
});

test("allowed_tools leaves only those", () => {
  const allowed_tools = {
    mode: "required",
    tools: [{ type: "function", function: { name: "g" } }],
  };
  const request = claude({ tools, tool_choice: { type: "allowed_tools", allowed_tools } });
  expect(request.tools!.map(({ name }) => name)).toEqual(["g"]);
  expect(request.tool_choice).toEqual({ type: "any" });
});

test("where a tool cannot be forced, it is the only one", () => {
  const forced = { tools, tool_choice: { type: "function", function: { name: "g" } } };
  for (
    const request of [
      claude(forced, "claude-opus-5-5"),
      claude({ ...forced, reasoning_effort: "low" }),
    ]
  ) {
    expect(request.tools!.map(({ name }) => name)).toEqual(["g"]);
    expect(request.tool_choice).toEqual({ type: "auto" });
  }
});

test("parallel calls are switched off inside the choice", () => {
  const off = { tools, parallel_tool_calls: false };
  expect(claude(off).tool_choice).toEqual({ type: "auto", disable_parallel_tool_use: true });
  expect(claude({ ...off, tool_choice: "none" }).tool_choice).toEqual({ type: "none" });
});

test("effort becomes what each generation understands", () => {
  const effort = (model: string, reasoning_effort: string) => {
    const { thinking, output_config } = claude({ reasoning_effort }, model);
    return [thinking?.type, thinking?.budget_tokens, output_config?.effort];
  };
  expect(effort(NEW, "minimal")).toEqual(["adaptive", undefined, "low"]);
  expect(effort(NEW, "xhigh")).toEqual(["adaptive", undefined, "xhigh"]);
  expect(effort("claude-opus-4-6", "xhigh")).toEqual(["adaptive", undefined, "high"]);
  expect(effort(OLD, "high")).toEqual(["enabled", 16_384, undefined]);
  expect(effort("claude-3-haiku", "high")).toEqual([undefined, undefined, undefined]);
  expect(effort(NEW, "none")).toEqual(["disabled", undefined, undefined]);
  expect(effort("claude-sonnet-5-5", "none")).toEqual(["between_tools", undefined, undefined]);
  expect(effort("claude-opus-5-5", "none")).toEqual([undefined, undefined, "low"]);
});

test("a budget for thinking comes on top of the answer and stays below the model's limit", () => {
  const request = claude({ max_tokens: 100, reasoning_effort: "medium" });
  expect(request.max_tokens).toBe(8_292);
  const full = claude({ max_tokens: 63_500, reasoning_effort: "high" });
  expect(full.thinking).toBeUndefined();
});

test("what is said in Claude's own words wins", () => {
  const request = claude({
    reasoning_effort: "low",
    thinking: { type: "enabled", budget_tokens: 5_000 },
    output_config: { effort: "max" },
    service_tier: "standard_only",
  }, NEW);
  expect(request.thinking).toEqual({ type: "enabled", budget_tokens: 5_000 });
  expect(request.output_config).toEqual({ effort: "max" });
  expect(request.service_tier).toBe("standard_only");
  expect(claude({ service_tier: "flex" }).service_tier).toBeUndefined();
});

test("a wanted schema is told natively, closed and without what Claude refuses", () => {
  const schema = {
    type: "object",
    properties: { n: { type: "integer", minimum: 1, description: "count" } },
  };
  const response_format = { type: "json_schema", json_schema: { name: "x", schema } };
  expect(claude({ response_format }).output_config).toEqual({
    format: {
      type: "json_schema",
      schema: {
        type: "object",
        properties: { n: { type: "integer", description: "count minimum: 1" } },
        additionalProperties: false,
      },
    },
  });
});

test("a schema that Claude cannot hold to becomes a tool that it must call, or words where it cannot be made to", () => {
  const schema = { type: "object", additionalProperties: { type: "number" } };
  const response_format = { type: "json_schema", json_schema: { name: "x", schema } };
  const forced = claude({ response_format });
  expect(forced.output_config).toBeUndefined();
  expect(forced.tools).toMatchObject([{ name: "json", input_schema: schema }]);
  expect(forced.tool_choice).toEqual({
    type: "tool",
    name: "json",
    disable_parallel_tool_use: true,
  });
  const unforced = claude({ response_format }, "claude-opus-5-5");
  expect(unforced.tools).toBeUndefined();
  expect(JSON.stringify(unforced.system)).toContain("additionalProperties");
});

test("a JSON object is asked for in words", () => {
  expect(JSON.stringify(claude({ response_format: { type: "json_object" } }).system)).toContain(
    "valid JSON object",
  );
});

test("a message's own cache hint marks its last block, a tool call too", () => {
  const cache_control = { type: "ephemeral" };
  const [, said] = turns(...hello, { ...calling("a"), cache_control }, result("a"));
  expect(said!.content).toMatchObject([{ type: "tool_use", cache_control }]);
});

test("thinking that a caller sends back stands first, signed and only for its model", () => {
  const signed = { type: "thinking", thinking: "Plan.", signature: "s" };
  const redacted = { type: "redacted_thinking", data: "x" };
  const unsigned = { type: "thinking", thinking: "Guess.", signature: "" };
  const elsewhere = marked([signed], NEW);
  const said = (...thinking_blocks: object[]) =>
    turns(...hello, { ...calling("a"), content: "On it.", thinking_blocks }, result("a"))[1]!
      .content.map(({ cache_control: _, ...block }) => block);
  const rest = [text("On it."), { type: "tool_use", id: "a", name: "f", input: {} }];
  expect(said(signed, redacted)).toEqual([signed, redacted, ...rest]);
  expect(said(...marked([signed, redacted], OLD))).toEqual([signed, redacted, ...rest]);
  expect(said(unsigned, ...elsewhere)).toEqual(rest);
});

test("cache hints of both dialects are kept, the last four of them", () => {
  const hint = { type: "ephemeral" };
  const parts = [1, 2, 3, 4].map((n) => ({ ...text(`${n}`), cache_control: hint }));
  const marked = { ...text("5"), prompt_cache_breakpoint: { mode: "explicit", ttl: "1h" } };
  const [turn] = turns({ role: "user", content: [...parts, marked] });
  expect(turn!.content.map(({ cache_control }) => cache_control)).toEqual([
    undefined,
    hint,
    hint,
    hint,
    { type: "ephemeral", ttl: "1h" },
  ] as Block["cache_control"][]);
});

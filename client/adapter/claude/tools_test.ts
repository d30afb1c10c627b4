import { expect, test } from "bun:test";
import { claude, hello, rejection, turns } from "../../testing/claude_request.ts";

test("a free-text tool takes an object with its text; a grammar is rejected", () => {
  const custom = (format: object) => ({
    tools: [{ type: "custom", custom: { name: "c", format } }],
  });
  expect(claude(custom({ type: "text" })).tools).toEqual([{
    name: "c",
    input_schema: {
      type: "object",
      properties: { input: { type: "string" } },
      required: ["input"],
    },
  }]);
  expect(rejection(custom({ type: "grammar" })).param).toBe("tools[0].custom.format");
  expect(rejection({ tools: [{ type: "function" }] }).param).toBe("tools[0].function");
  expect(rejection({ tools: [{ type: "web_search" }] }).param).toBe("tools[0].type");
  const call = { id: "a", type: "custom", custom: { name: "c", input: "x" } };
  expect(turns(...hello, { role: "assistant", tool_calls: [call] })[1]!.content).toEqual([
    { type: "tool_use", id: "a", name: "c", input: { input: "x" } },
  ]);
});

test("strict tools are strict if the model supports structured output", () => {
  const parameters = { type: "object", properties: { a: { type: "integer", minimum: 1 } } };
  const tools = [{ type: "function", function: { name: "f", parameters, strict: true } }];
  expect(claude({ tools }).tools).toMatchObject([{
    strict: true,
    input_schema: { additionalProperties: false },
  }]);
  expect(claude({ tools }, "claude-sonnet-4-20250514").tools).toEqual([
    { name: "f", input_schema: parameters },
  ]);
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

test("every tool_choice is mapped", () => {
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

test("function_call applies if there is no tool_choice", () => {
  const functions = [{ name: "f" }, { name: "g" }];
  const chosen = (function_call: unknown) => claude({ functions, function_call }).tool_choice;
  expect(chosen({ name: "g" })).toEqual({ type: "tool", name: "g" });
  expect(chosen("none")).toEqual({ type: "none" });
});

test("invalid and duplicate tool names are rejected before the request is sent", () => {
  const named = (...names: string[]) =>
    rejection({ tools: names.map((name) => ({ type: "function", function: { name } })) });
  expect(named("a", "b c")).toEqual({ code: 400, param: "tools[1]" });
  expect(named("a", "b", "a")).toEqual({ code: 400, param: "tools[2]" });
  expect(rejection({ tools, functions: [{ name: "f" }] })).toEqual({
    code: 400,
    param: "functions[0]",
  });
});

test("allowed_tools keeps only the named tools", () => {
  const allowed_tools = {
    mode: "required",
    tools: [{ type: "function", function: { name: "g" } }],
  };
  const request = claude({ tools, tool_choice: { type: "allowed_tools", allowed_tools } });
  expect(request.tools!.map(({ name }) => name)).toEqual(["g"]);
  expect(request.tool_choice).toEqual({ type: "any" });
});

test("a tool that cannot be forced is offered alone", () => {
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

test("parallel calls are disabled inside the tool choice", () => {
  const off = { tools, parallel_tool_calls: false };
  expect(claude(off).tool_choice).toEqual({ type: "auto", disable_parallel_tool_use: true });
  expect(claude({ ...off, tool_choice: "none" }).tool_choice).toEqual({ type: "none" });
});

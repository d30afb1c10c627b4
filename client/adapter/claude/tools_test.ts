import { expect, test } from "bun:test";
import { claude, hello, refusal, turns } from "../../testing/claude_request.ts";

test("free-text tools take an object with their text, and a grammar is refused", () => {
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
  expect(refusal(custom({ type: "grammar" })).param).toBe("tools[0].custom.format");
  expect(refusal({ tools: [{ type: "function" }] }).param).toBe("tools[0].function");
  expect(refusal({ tools: [{ type: "web_search" }] }).param).toBe("tools[0].type");
  const call = { id: "a", type: "custom", custom: { name: "c", input: "x" } };
  expect(turns(...hello, { role: "assistant", tool_calls: [call] })[1]!.content).toEqual([
    { type: "tool_use", id: "a", name: "c", input: { input: "x" } },
  ]);
});

test("strict tools are strict where the model can keep to a schema", () => {
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

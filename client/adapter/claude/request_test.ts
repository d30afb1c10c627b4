import { expect, test } from "bun:test";
import { claude, NEW, OLD, refusal } from "../../testing/claude_request.ts";

test("what Claude has no use for is left out", () => {
  const extras = {
    seed: 1,
    frequency_penalty: 1,
    presence_penalty: 1,
    logit_bias: { 1: 1 },
    prediction: { type: "content", content: "x" },
    store: true,
    metadata: { a: "b" },
    verbosity: "low",
    logprobs: false,
    n: 1,
  };
  expect(claude(extras)).toEqual(claude({}));
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
  expect(claude({ safety_identifier: "s-1" }).metadata).toEqual({ user_id: "s-1" });
  for (const user of ["a@b.c", "+49 170 1234567"]) {
    expect(claude({ user }).metadata).toBeUndefined();
  }
});

test("a search of the web is refused rather than left out", () => {
  expect(refusal({ web_search_options: {} })).toEqual({ code: 400, param: "web_search_options" });
});

test("a form of the answer that nobody knows, or that says no schema, is refused", () => {
  const asked = (response_format: object) => refusal({ response_format });
  expect(asked({ type: "yaml" })).toEqual({ code: 400, param: "response_format.type" });
  expect(asked({ type: "json_schema" }))
    .toEqual({ code: 400, param: "response_format.json_schema" });
  expect(claude({ response_format: { type: "text" } })).toEqual(claude({}));
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

test("alternatives, formats and what Claude does not check are told in its way", () => {
  const schema = {
    type: "object",
    properties: {
      either: { oneOf: [{ type: "string", format: "date" }, { type: "string", format: "phone" }] },
      list: { type: "array", items: { type: "string", pattern: "^a" }, uniqueItems: true },
    },
    required: ["either", "list"],
  };
  const response_format = { type: "json_schema", json_schema: { name: "x", schema } };
  const { format } = claude({ response_format }).output_config as { format: { schema: object } };
  expect(format.schema).toEqual({
    type: "object",
    properties: {
      either: {
        anyOf: [
          { type: "string", format: "date" },
          { type: "string", description: 'format: "phone"' },
        ],
      },
      list: {
        type: "array",
        items: { type: "string", description: 'pattern: "^a"' },
        description: "uniqueItems: true",
      },
    },
    required: ["either", "list"],
    additionalProperties: false,
  });
});

test("a JSON object is asked for in words", () => {
  expect(JSON.stringify(claude({ response_format: { type: "json_object" } }).system)).toContain(
    "valid JSON object",
  );
});

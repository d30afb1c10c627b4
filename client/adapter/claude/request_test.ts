import { expect, test } from "bun:test";
import { claude, NEW, OLD, rejection } from "../../testing/claude_request.ts";

test("fields that Claude ignores are left out", () => {
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

test("max_tokens is the caller's up to the model's limit, or that limit", () => {
  expect(claude({ max_tokens: 5, max_completion_tokens: 7 }).max_tokens).toBe(7);
  expect(claude({}).max_tokens).toBe(64_000);
  expect(claude({ max_tokens: 1_000_000 }).max_tokens).toBe(64_000);
});

test("sampling parameters are sent only to models that accept them, and never both", () => {
  const rejected = { temperature: 1.5, top_p: 0.5, top_k: 3 };
  expect(claude(rejected)).toMatchObject({ temperature: 1, top_k: 3 });
  expect(claude(rejected).top_p).toBeUndefined();
  expect(claude({ top_p: 0.5 }).top_p).toBe(0.5);
  for (const model of [NEW, "claude-of-tomorrow"]) {
    const { temperature, top_p, top_k } = claude(rejected, model);
    expect([temperature, top_p, top_k]).toEqual([undefined, undefined, undefined]);
  }
});

test("stop becomes a list without blank entries", () => {
  expect(claude({ stop: "x" }).stop_sequences).toEqual(["x"]);
  expect(claude({ stop: ["", "\n", "y"] }).stop_sequences).toEqual(["y"]);
  expect(claude({ stop: null }).stop_sequences).toBeUndefined();
});

test("only opaque user ids are sent", () => {
  expect(claude({ user: "u-1" }).metadata).toEqual({ user_id: "u-1" });
  expect(claude({ safety_identifier: "s-1" }).metadata).toEqual({ user_id: "s-1" });
  for (const user of ["a@b.c", "+49 170 1234567"]) {
    expect(claude({ user }).metadata).toBeUndefined();
  }
});

test("web_search_options is rejected, not dropped", () => {
  expect(rejection({ web_search_options: {} })).toEqual({ code: 400, param: "web_search_options" });
});

test("an unknown response_format, or one without a schema, is rejected", () => {
  const rejected = (response_format: object) => rejection({ response_format });
  expect(rejected({ type: "yaml" })).toEqual({ code: 400, param: "response_format.type" });
  expect(rejected({ type: "json_schema" }))
    .toEqual({ code: 400, param: "response_format.json_schema" });
  expect(claude({ response_format: { type: "text" } })).toEqual(claude({}));
});

test("effort is mapped to each generation's parameters", () => {
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

test("a thinking budget is added to the answer's limit and stays below the model's", () => {
  const request = claude({ max_tokens: 100, reasoning_effort: "medium" });
  expect(request.max_tokens).toBe(8_292);
  const full = claude({ max_tokens: 63_500, reasoning_effort: "high" });
  expect(full.thinking).toBeUndefined();
});

test("Claude's own fields override derived ones", () => {
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

test("a schema is sent natively, closed and without rejected keywords", () => {
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

test("an unsupported schema becomes a forced tool, or instructions if tools cannot be forced", () => {
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

test("oneOf, formats and unchecked keywords are converted", () => {
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

test("json_object becomes an instruction", () => {
  expect(JSON.stringify(claude({ response_format: { type: "json_object" } }).system)).toContain(
    "valid JSON object",
  );
});

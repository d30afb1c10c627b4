import { expect, test } from "bun:test";
import fc from "../../../tests/harness/fast_check.ts";
import type OpenAI from "openai";
import { z } from "zod";
import { altered } from "../../testing/altered.ts";
import type { AsJson } from "../../testing/openai_shapes.ts";
import { UpstreamFailure } from "../adapter.ts";
import { quirksOf } from "../chat/quirks.ts";
import { chatBody as write } from "../chat/request_writer.ts";
import { toJsonText } from "../raw_json.ts";
import { readMessagesRequest } from "./request_reader.ts";

/** Many runs are slow on a busy machine. */
const PROPERTY_WITHIN_MS = 30_000;

/** Any valid Anthropic request that OpenAI's dialect can express. */
const text = fc.string({ minLength: 1 });
const cache_control = fc.constantFrom(null, { type: "ephemeral" });
const textBlock = fc.record({
  type: fc.constant("text"),
  text,
  cache_control,
}, { requiredKeys: ["type", "text"] });
const image = fc.record({
  type: fc.constant("image"),
  source: fc.constantFrom(
    { type: "base64", media_type: "image/png", data: "AAAA" },
    { type: "url", url: "https://example.com/a.png" },
  ),
});
const document = fc.record({
  type: fc.constant("document"),
  source: fc.oneof(
    fc.constant({ type: "base64", media_type: "application/pdf", data: "JVBE" }),
    fc.record({ type: fc.constant("text"), media_type: fc.constant("text/plain"), data: text }),
    fc.record({ type: fc.constant("content"), content: fc.oneof(text, fc.array(textBlock)) }),
  ),
  title: fc.option(text),
  context: fc.option(text),
});
const found = fc.record({
  type: fc.constant("search_result"),
  source: fc.constant("https://example.com"),
  title: text,
  content: fc.array(textBlock, { minLength: 1, maxLength: 2 }),
});
const shown = fc.oneof(textBlock, image, document, found);
const blocks = (...kinds: fc.Arbitrary<object>[]) =>
  fc.array(fc.oneof(...kinds), { minLength: 1, maxLength: 3 });

const thinking = fc.oneof(
  fc.record({ type: fc.constant("thinking"), thinking: fc.string(), signature: text }),
  fc.constant({ type: "redacted_thinking", data: "x" }),
);
const input = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 2 });
const result = fc.record({
  content: fc.option(fc.oneof(fc.string(), blocks(shown)), { nil: undefined }),
  is_error: fc.option(fc.boolean(), { nil: undefined }),
});

/** One exchange: a user turn and an assistant turn, possibly with tool calls and results. */
const exchange = fc.record({
  user: fc.oneof(text, blocks(shown)),
  thoughts: fc.array(thinking, { maxLength: 2 }),
  words: fc.array(textBlock, { maxLength: 2 }),
  calls: fc.array(fc.record({ input, result }), { maxLength: 3 }),
  isMixed: fc.boolean(),
});

type Exchange = typeof exchange extends fc.Arbitrary<infer T> ? T : never;

function turnsOf({ user, thoughts, words, calls, isMixed }: Exchange, n: number): object[] {
  const content = [
    ...thoughts,
    ...words,
    ...calls.map((call, i) => ({
      type: "tool_use",
      id: `toolu_${n}_${i}`,
      name: "f",
      input: call.input,
    })),
  ];
  const results = calls.map(({ result }, i) => ({
    type: "tool_result",
    tool_use_id: `toolu_${n}_${i}`,
    ...result,
  }));
  const more = isMixed ? [{ type: "text", text: "and?" }] : [];
  return [
    { role: "user", content: user },
    ...(content.length > thoughts.length ? [{ role: "assistant", content: content }] : []),
    ...(results.length > 0 ? [{ role: "user", content: [...results, ...more] }] : []),
  ];
}

const tool = { name: "f", description: "d", input_schema: { type: "object" } };
const anyRequest = fc.record({
  model: fc.constant("pro"),
  max_tokens: fc.integer({ min: 1, max: 200_000 }),
  exchanges: fc.array(exchange, { minLength: 1, maxLength: 3 }),
  system: fc.oneof(fc.string(), fc.array(textBlock, { maxLength: 2 })),
  temperature: fc.double({ min: 0, max: 1, noNaN: true }),
  top_p: fc.double({ min: 0, max: 1, noNaN: true }),
  top_k: fc.nat(100),
  stop_sequences: fc.array(text, { maxLength: 4 }),
  stream: fc.boolean(),
  tools: fc.constantFrom([], [tool], [{
    ...tool,
    type: "custom",
    strict: true,
    cache_control: null,
  }]),
  tool_choice: fc.record({
    type: fc.constantFrom("auto", "any", "none"),
    disable_parallel_tool_use: fc.boolean(),
  }, { requiredKeys: ["type"] }),
  thinking: fc.constantFrom(
    { type: "disabled" },
    { type: "adaptive" },
    { type: "enabled", budget_tokens: 2048 },
  ),
  output_config: fc.record({
    effort: fc.constantFrom(null, "low", "max"),
    format: fc.constantFrom(null, { type: "json_schema", schema: { type: "object" } }),
  }),
  metadata: fc.record({ user_id: fc.option(text) }),
  service_tier: fc.constantFrom("auto", "standard_only"),
}, { requiredKeys: ["model", "max_tokens", "exchanges"] });

// Follows the package's types: an extra or a missing field fails.
const textPart = z.strictObject({ type: z.literal("text"), text: z.string().min(1) });
const part = z.discriminatedUnion("type", [
  textPart,
  z.strictObject({ type: z.literal("image_url"), image_url: z.strictObject({ url: z.string() }) }),
  z.strictObject({
    type: z.literal("file"),
    file: z.strictObject({ filename: z.string().min(1), file_data: z.string() }),
  }),
]);
const call = z.strictObject({
  id: z.string().min(1),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string().min(1), arguments: z.string() }),
});
const message = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("system"), content: z.string().min(1) }),
  z.strictObject({
    role: z.literal("user"),
    content: z.union([z.string().min(1), z.array(part).min(1)]),
  }),
  z.strictObject({
    role: z.literal("assistant"),
    content: z.string().min(1).nullable(),
    reasoning_content: z.string().min(1).optional(),
    tool_calls: z.array(call).min(1).optional(),
  }),
  z.strictObject({ role: z.literal("tool"), tool_call_id: z.string(), content: z.string() }),
]);
const chatBody = z.strictObject({
  model: z.literal("local"),
  messages: z.array(message).min(1),
  max_tokens: z.int().min(1),
  stream: z.literal(true).optional(),
  stream_options: z.strictObject({ include_usage: z.literal(true) }).optional(),
  stop: z.array(z.string().min(1)).min(1).max(4).optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().optional(),
  tools: z.array(z.strictObject({
    type: z.literal("function"),
    function: z.strictObject({
      name: z.string(),
      description: z.string(),
      parameters: z.record(z.string(), z.unknown()),
      strict: z.literal(true).optional(),
    }),
  })).min(1).optional(),
  tool_choice: z.enum(["auto", "required", "none"]).optional(),
  parallel_tool_calls: z.literal(false).optional(),
  reasoning_effort: z.enum(["low", "medium", "high", "max"]).optional(),
  response_format: z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name: z.string(),
      schema: z.record(z.string(), z.unknown()),
      strict: z.literal(true).optional(),
    }),
  }).optional(),
  user: z.string().min(1).optional(),
  service_tier: z.literal("default").optional(),
});

type Body = z.infer<typeof chatBody>;

test("any valid request becomes a chat body that obeys OpenAI's rules", () => {
  fc.assert(
    fc.property(anyRequest, ({ exchanges, ...options }) => {
      const request = { ...options, messages: exchanges.flatMap(turnsOf) };
      const body: Body = chatBody.parse(translated(request));
      expect(brokenRules(body)).toEqual([]);
    }),
    { numRuns: 200 },
  );
}, PROPERTY_WITHIN_MS);

test("any request is translated or rejected with a 400 that names a field", () => {
  fc.assert(
    fc.property(anyRequest, fc.nat(), fc.jsonValue({ maxDepth: 2 }), (valid, position, other) => {
      const { exchanges, ...options } = valid;
      const whole = { ...options, messages: exchanges.flatMap(turnsOf) };
      const request = altered(whole, position, other);
      try {
        translated(request);
      } catch (failure) {
        if (!(failure instanceof UpstreamFailure)) throw failure;
        expect([failure.code, typeof failure.error?.param]).toEqual([400, "string"]);
      }
    }),
    { numRuns: 250 },
  );
}, PROPERTY_WITHIN_MS);

function translated(request: object): unknown {
  const { stream = false } = request as { stream?: boolean };
  const read = readMessagesRequest(JSON.stringify(request));
  return JSON.parse(
    toJsonText(write(read, "local", quirksOf({ host: "localhost" }), stream === true)),
  );
}

/** The names of OpenAI's rules that a body breaks. */
function brokenRules({ messages, tools, tool_choice: choice }: Body): string[] {
  const broken = {
    "calls are answered at once, each one once": messages.some((message, i) => {
      if (message.role !== "assistant") return false;
      const ids = (message.tool_calls ?? []).map(({ id }) => id);
      const answers = messages.slice(i + 1, i + 1 + ids.length);
      return ids.some((id, n) => {
        const answer = answers[n];
        return answer?.role !== "tool" || answer.tool_call_id !== id;
      });
    }),
    "a result follows a call or another result": messages.some(({ role }, i) =>
      role === "tool" && !["tool", "assistant"].includes(messages[i - 1]?.role ?? "")
    ),
    "an assistant says something or calls": messages.some((message) =>
      message.role === "assistant" && message.content === null && !message.tool_calls
    ),
    "a choice needs tools": choice !== undefined && !tools,
  };
  return Object.entries(broken).filter(([, isBroken]) => isBroken).map(([rule]) => rule);
}

// The shape is assignable to the package's own types.
true satisfies AsJson<Omit<Body, "messages">> extends
  Omit<OpenAI.ChatCompletionCreateParams, "messages"> ? true
  : false;

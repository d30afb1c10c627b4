import { expect, test } from "bun:test";
import fc from "../../../tests/harness/fast_check.ts";
import { altered } from "../../testing/altered.ts";
import { translated } from "../../testing/claude_request.ts";
import { UpstreamFailure } from "../adapter.ts";
import { factsOf, type ModelFacts, unknownModel } from "./model_facts.ts";
import type { Block, ClaudeRequest, Tool, Turn } from "./wire.ts";

/** Many runs are slow on a busy machine. */
const PROPERTY_WITHIN_MS = 30_000;

/** Any valid OpenAI request that Claude's dialect can express. */
const text = fc.oneof(fc.constant(""), fc.constant(" \n"), fc.string());
const id = fc.constantFrom("a", "b", "f:0", "f.0", "f_0", "");
const cacheHints = {
  cache_control: fc.constantFrom(null, { type: "ephemeral" }, { type: "ephemeral", ttl: "1h" }),
  prompt_cache_breakpoint: fc.constantFrom(null, { mode: "explicit", ttl: "30m" }),
};
const hinted = <T>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }, ...required: (keyof T)[]) =>
  fc.record({ ...shape, ...cacheHints }, { requiredKeys: required as never });

const dataUrl = fc.constantFrom(
  "data:image/jpg;base64,AAAA",
  "data:image/png;name=x;base64,AAAA",
  "data:application/pdf;base64,JVBE",
);
const file_data = fc.constantFrom("data:application/pdf;base64,JVBE", "data:text/csv;base64,YQ==");
const textPart = hinted({ type: fc.constant("text"), text }, "type", "text");
const userPart = fc.oneof(
  textPart,
  hinted(
    {
      type: fc.constant("image_url"),
      image_url: fc.record({ url: fc.oneof(dataUrl, fc.constant("https://example.com/a.png")) }),
    },
    "type",
    "image_url",
  ),
  hinted(
    {
      type: fc.constant("file"),
      file: fc.record({ file_data, filename: fc.constantFrom(null, "", "a.txt") }),
    },
    "type",
    "file",
  ),
);
const refusalPart = fc.record({ type: fc.constant("refusal"), refusal: text });
const contentOf = (...parts: fc.Arbitrary<object>[]) =>
  fc.oneof(text, fc.array(fc.oneof(...parts), { maxLength: 4 }));

const args = fc.oneof(text, fc.json({ maxDepth: 1 }), fc.constant('{"a":1}'));
const toolCall = fc.oneof(
  fc.record({ id, function: fc.record({ name: fc.constantFrom("f", "g"), arguments: args }) }),
  fc.record({ id, custom: fc.record({ name: fc.constant("c"), input: text }) }),
);
const thought = fc.oneof(
  fc.record({ type: fc.constant("thinking"), thinking: text, signature: text }),
  fc.record({ type: fc.constant("redacted_thinking"), data: text }),
);
const message = fc.oneof(
  hinted(
    {
      role: fc.constantFrom("system", "developer"),
      content: contentOf(textPart),
    },
    "role",
    "content",
  ),
  hinted({ role: fc.constant("user"), content: contentOf(userPart) }, "role", "content"),
  hinted({
    role: fc.constant("assistant"),
    content: fc.oneof(fc.constant(null), contentOf(textPart, refusalPart)),
    refusal: fc.option(text),
    reasoning_content: text,
    thinking_blocks: fc.array(thought, { maxLength: 2 }),
    tool_calls: fc.array(toolCall, { maxLength: 3 }),
    function_call: fc.option(fc.record({ name: fc.constant("f"), arguments: args })),
  }, "role"),
  hinted(
    {
      role: fc.constant("tool"),
      tool_call_id: id,
      content: contentOf(userPart),
    },
    "role",
    "tool_call_id",
    "content",
  ),
  fc.record({ role: fc.constant("function"), name: fc.constantFrom("f", "g"), content: text }),
);

const schema = fc.letrec((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    fc.record({ type: fc.constant("string"), pattern: fc.constant("^a"), format: text }),
    fc.record({ type: fc.constantFrom("integer", "number"), minimum: fc.integer() }),
    fc.record({ type: fc.constant("array"), items: tie("schema"), minItems: fc.nat(3) }),
    fc.record({ oneOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
    fc.constant({ $ref: "#" }),
    tie("object"),
  ),
  object: fc.record({
    type: fc.constant("object"),
    properties: fc.dictionary(fc.constantFrom("a", "b", "type", "items"), tie("schema")),
    required: fc.subarray(["a", "b"]),
    additionalProperties: fc.constantFrom(true, false),
  }, { requiredKeys: ["type"] }),
})).object;

const offered = fc.uniqueArray(
  fc.oneof(
    hinted(
      {
        type: fc.constant("function"),
        function: fc.record({
          name: fc.constantFrom("f", "g"),
          parameters: schema,
          strict: fc.boolean(),
        }, { requiredKeys: ["name"] }),
      },
      "type",
      "function",
    ),
    fc.constant({ type: "custom", custom: { name: "c", format: { type: "text" } } }),
  ),
  { maxLength: 3, selector: (tool) => JSON.stringify(tool).match(/"name":"(\w)"/)?.[1] },
);
const choice = fc.oneof(
  fc.constantFrom("none", "auto", "required"),
  fc.constant({ type: "function", function: { name: "f" } }),
  fc.constant({ type: "custom", custom: { name: "c" } }),
  fc.record({
    type: fc.constant("allowed_tools"),
    allowed_tools: fc.record({
      mode: fc.constantFrom("auto", "required"),
      tools: fc.subarray([{ type: "function", function: { name: "g" } }]),
    }),
  }),
);

const anyRequest = fc.record({
  messages: fc.array(message, { minLength: 1, maxLength: 8 }),
  max_tokens: fc.option(fc.integer({ min: 1, max: 200_000 })),
  max_completion_tokens: fc.option(fc.integer({ min: 1, max: 200_000 })),
  reasoning_effort: fc.option(
    fc.constantFrom("none", "minimal", "low", "medium", "high", "xhigh", "max"),
  ),
  temperature: fc.option(fc.double({ min: 0, max: 2, noNaN: true })),
  top_p: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  top_k: fc.option(fc.nat(100)),
  n: fc.constantFrom(null, 1),
  tools: fc.option(offered),
  tool_choice: fc.option(choice),
  parallel_tool_calls: fc.option(fc.boolean()),
  response_format: fc.option(fc.oneof(
    fc.constantFrom({ type: "text" }, { type: "json_object" }),
    fc.record({
      type: fc.constant("json_schema"),
      json_schema: fc.record({ name: fc.constant("x"), schema }),
    }),
  )),
  stop: fc.option(fc.oneof(text, fc.array(text, { maxLength: 4 }))),
  user: fc.option(fc.constantFrom("", "u-1", "a@b.c", "x".repeat(300))),
  safety_identifier: fc.option(fc.constant("s-1")),
  cache_control: cacheHints.cache_control,
  seed: fc.integer(),
  store: fc.boolean(),
}, { requiredKeys: ["messages"] });

const models = [
  "claude-sonnet-4-5",
  "claude-opus-4-6",
  "claude-opus-5",
  "claude-sonnet-5-5",
  "claude-opus-5-5",
  "claude-opus-4-20250514",
  "claude-3-haiku",
  "claude-of-tomorrow",
];

test(
  "no valid request becomes one that breaks Anthropic's rules, and none makes it throw but for a 400",
  () => {
    fc.assert(
      fc.property(anyRequest, fc.constantFrom(...models), (body, model) => {
        const facts = factsOf(model) ?? unknownModel;
        let request: ClaudeRequest;
        try {
          request = translated(JSON.stringify(body), model, facts);
        } catch (failure) {
          // A choice of a missing tool, or no message with content.
          if (!(failure instanceof UpstreamFailure)) throw failure;
          expect(failure.code).toBe(400);
          expect(["messages", "tool_choice"]).toContain(failure.error!.param!);
          return;
        }
        expect(brokenRules(request, facts)).toEqual([]);
      }),
      { numRuns: 250 },
    );
  },
  PROPERTY_WITHIN_MS,
);

test("any request is translated or rejected with a 400 that names a field", () => {
  fc.assert(
    fc.property(anyRequest, fc.nat(), fc.jsonValue({ maxDepth: 2 }), (valid, position, other) => {
      const body = altered(valid, position, other);
      const model = models[position % models.length]!;
      const facts = factsOf(model) ?? unknownModel;
      try {
        translated(JSON.stringify(body), model, facts);
      } catch (failure) {
        if (!(failure instanceof UpstreamFailure)) throw failure;
        expect([failure.code, typeof failure.error?.param]).toEqual([400, "string"]);
      }
    }),
    { numRuns: 250 },
  );
}, PROPERTY_WITHIN_MS);

/** The names of Anthropic's rules that a request breaks. */
function brokenRules(request: ClaudeRequest, facts: ModelFacts): string[] {
  const broken = { ...turnRules(request), ...toolRules(request), ...optionRules(request, facts) };
  return Object.entries(broken).filter(([, isBroken]) => isBroken).map(([rule]) => rule);
}

const userBlocks = new Set(["text", "image", "document", "tool_result"]);
const assistantBlocks = new Set(["text", "thinking", "redacted_thinking", "tool_use"]);

function turnRules({ messages, system = [] }: ClaudeRequest): Record<string, boolean> {
  const blocks = messages.flatMap(({ content }) => content);
  const last = messages.at(-1);
  const end = last?.role === "assistant" ? last.content.at(-1) : undefined;
  return {
    "the first turn is the user's": messages[0]?.role !== "user",
    "roles alternate": messages.some(({ role }, i) => role === messages[i + 1]?.role),
    "no turn is empty": messages.some(({ content }) => content.length === 0),
    "no text is blank": [...blocks, ...system].some(isBlank),
    "a system prompt is text": system.some(({ type }) => type !== "text"),
    "each role has its blocks": messages.some(({ role, content }) => {
      const allowed = role === "user" ? userBlocks : assistantBlocks;
      return content.some(({ type }) => !allowed.has(type));
    }),
    "the last text does not end in white space": end?.type === "text" &&
      String(end.text) !== String(end.text).trimEnd(),
    "images are of a known type": blocks.some(({ type, source }) =>
      type === "image" && !isKnownImage(source as Record<string, unknown>)
    ),
    "no turn ends with thinking": messages.some(({ content }) => isThinking(content.at(-1)!)),
    "thinking is signed and comes first": messages.some(({ content }) =>
      content.some((block, i) =>
        isThinking(block) &&
        (!(block.signature || block.data) || !content.slice(0, i).every(isThinking))
      )
    ),
  };
}

function toolRules({ messages, tools = [] }: ClaudeRequest): Record<string, boolean> {
  const blocks = messages.flatMap(({ content }) => content);
  const names = tools.map(({ name }) => name);
  return {
    "ids have allowed characters": blocks.some(({ id }) =>
      id !== undefined && !/^[a-zA-Z0-9_-]+$/.test(String(id))
    ),
    "inputs are objects": blocks.some(({ type, input }) =>
      type === "tool_use" && (typeof input !== "object" || input === null || Array.isArray(input))
    ),
    "calls are answered at once, first and only once": messages.some((turn, i) => {
      const ids = callsIn(turn);
      const answers = (messages[i + 1]?.content ?? []).slice(0, ids.length);
      return ids.some((id, n) => answers[n]?.tool_use_id !== id) ||
        new Set(ids).size !== ids.length;
    }),
    "results answer a call of the turn before": messages.some(({ content }, i) =>
      content.some(({ type, tool_use_id: id }) =>
        type === "tool_result" && (i === 0 || !callsIn(messages[i - 1]!).includes(String(id)))
      )
    ),
    "names are unique": new Set(names).size !== names.length,
    "schemas are objects": tools.some((tool) => schemaOf(tool).type !== "object"),
    "strict schemas are closed": tools.some((tool) => tool.strict && !isClosed(schemaOf(tool))),
  };
}

function schemaOf({ input_schema }: Tool): Record<string, unknown> {
  return input_schema as Record<string, unknown>;
}

function optionRules(request: ClaudeRequest, facts: ModelFacts): Record<string, boolean> {
  const { thinking, temperature, top_p, top_k, tool_choice: choice, output_config } = request;
  const isForced = choice?.type === "any" || choice?.type === "tool";
  const thinks = thinking?.type === "enabled" || thinking?.type === "adaptive";
  const samples = [temperature, top_p, top_k].some((value) => value !== undefined);
  const format = output_config?.format as { schema: Record<string, unknown> } | undefined;
  const hints = [
    ...request.tools ?? [],
    ...request.system ?? [],
    ...request.messages.flatMap(({ content }) => content),
    request,
  ];
  return {
    "max_tokens is within the model's": request.max_tokens < 1 ||
      request.max_tokens > facts.maxOutputTokens,
    "a budget is at least 1024 and below max_tokens": thinking?.type === "enabled" &&
      (thinking.budget_tokens! < 1024 || thinking.budget_tokens! >= request.max_tokens),
    "thinking is of the model's style": (thinking?.type === "enabled" &&
      facts.thinking !== "budget") ||
      (thinking?.type === "adaptive" && facts.thinking !== "adaptive"),
    "an effort is one that the model knows": output_config?.effort !== undefined &&
      !facts.efforts.includes(String(output_config.effort)),
    "sampling is for models and calls that take it": samples && (!facts.sampling || thinks),
    "one of temperature and top_p": temperature !== undefined && top_p !== undefined,
    "temperature is at most 1": (temperature ?? 0) > 1,
    "a choice needs tools": choice !== undefined && !request.tools?.length,
    "a tool is forced only where it can be": isForced && (!facts.forcedTools || thinks),
    "no stop is blank": (request.stop_sequences ?? []).some((stop) => stop.trim() === ""),
    "a native schema is closed": format !== undefined &&
      (!facts.structuredOutput || !isClosed(format.schema)),
    "at most four cache hints, none on thinking":
      hints.filter((block) => block.cache_control).length > 4 ||
      request.messages.some(({ content }) =>
        content.some((block) => isThinking(block) && block.cache_control)
      ),
    "user ids are opaque": /[@+]/.test(request.metadata?.user_id ?? "") ||
      (request.metadata?.user_id.length ?? 0) > 256,
  };
}

function isBlank(block: Block): boolean {
  return block.type === "text" && String(block.text).trim() === "";
}

function isThinking({ type }: Block): boolean {
  return type === "thinking" || type === "redacted_thinking";
}

function isKnownImage({ type, media_type }: Record<string, unknown>): boolean {
  return type === "url" || /^image\/(jpeg|png|gif|webp)$/.test(String(media_type));
}

function callsIn({ content }: Turn): string[] {
  return content.filter(({ type }) => type === "tool_use").map(({ id }) => String(id));
}

/** Whether every object schema is closed and no rejected keyword is left. */
function isClosed(value: unknown, isMap = false): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every((inner) => isClosed(inner));
  const { type, additionalProperties } = value as Record<string, unknown>;
  if (!isMap && type === "object" && additionalProperties !== false) return false;
  return Object.entries(value).every(([key, inner]) =>
    (isMap || !/^(minimum|pattern|minItems|oneOf)$/.test(key)) &&
    (key === "required" || isClosed(inner, !isMap && key === "properties"))
  );
}

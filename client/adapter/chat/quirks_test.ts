import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../../protocol/mod.ts";
import { callOf, textsOf } from "../../testing/adapter_call.ts";
import { eventStream, sse } from "../../testing/stub_upstream.ts";
import { realWorld } from "../../world.ts";
import { UpstreamFailure } from "../adapter.ts";
import type { Json } from "../json_object.ts";
import { OpenAiAdapter } from "../openai.ts";
import type { ProviderOptions } from "../provider_options.ts";
import { quirkIn } from "./learned_quirk.ts";
import { quirksOf } from "./quirks.ts";

const whole = {
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
};

type Rejects = (body: Json) => string | { message: string; param?: string } | null;

/** The members of a body that are expected; undefined where it has none. */
function picked(body: Json, expected: object): Json {
  return Object.fromEntries(Object.keys(expected).map((key) => [key, body[key]]));
}

/** A server that rejects bodies; `ask` sends a message through it and returns the bodies it saw. */
function serverThat(rejects: Rejects, options: Partial<ProviderOptions> = {}) {
  const seen: Json[] = [];
  const fetch = (_: string, init: RequestInit) => {
    if (!init.body) {
      return Promise.resolve(Response.json({ data: [{ id: "m", max_model_len: 8192 }] }));
    }
    const body = JSON.parse(String(init.body));
    seen.push(body);
    const rejection = rejects(body);
    const error = typeof rejection === "string" ? { message: rejection } : rejection;
    const type = "invalid_request_error";
    return Promise.resolve(
      error === null
        ? Response.json(whole)
        : Response.json({ error: { type, ...error } }, { status: 400 }),
    );
  };
  const adapter = new OpenAiAdapter({ base_url: "http://h/v1", ...options }, {
    ...realWorld,
    fetch,
  });
  const ask = async (change: object = {}) => {
    seen.length = 0;
    const body = {
      model: "m",
      max_tokens: 64,
      messages: [{ role: "user", content: "hi" }],
      ...change,
    };
    const call = callOf({
      endpoint: Endpoint.messages,
      bodyText: JSON.stringify(body),
      stream: false,
    });
    const failure = await Array.fromAsync(textsOf(adapter.answer(call))).then(
      () => null,
      (error) => error,
    );
    return { failure, bodies: [...seen] };
  };
  return { adapter, ask };
}

describe("a rejected field is corrected or left out, and remembered for the model:", () => {
  const think = { output_config: { effort: "max" } };
  const cases: [
    name: string,
    rejects: Rejects,
    change: object,
    sent: [before: object, after: object],
    later?: object,
  ][] = [
    [
      "an unknown effort steps down to the highest known one",
      ({ reasoning_effort: effort }) =>
        effort === "max"
          ? {
            message: "Invalid value: 'max'. Supported values are: 'low', 'medium', and 'high'.",
            param: "reasoning_effort",
          }
          : null,
      think,
      [{ reasoning_effort: "max" }, { reasoning_effort: "high" }],
    ],
    [
      "an effort for a model that does not think is left out",
      ({ reasoning_effort }) => reasoning_effort ? `"gemma" does not support thinking` : null,
      think,
      [{ reasoning_effort: "max" }, { reasoning_effort: undefined }],
    ],
    [
      "max_tokens becomes max_completion_tokens",
      ({ max_tokens }) =>
        max_tokens
          ? "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
          : null,
      {},
      [{ max_tokens: 64 }, { max_tokens: undefined, max_completion_tokens: 64 }],
    ],
    [
      "a limit beyond the context is clamped to what the prompt leaves",
      ({ max_tokens }) =>
        Number(max_tokens) > 4089
          ? "'max_tokens' is too large: 32000. This model's maximum context length is 4096 tokens and your request has 7 input tokens (32000 > 4096 - 7)."
          : null,
      { max_tokens: 32_000 },
      [{ max_tokens: 32_000 }, { max_tokens: 4089 }],
      { max_tokens: 4088 },
    ],
    [
      "a later system message moves to the front",
      ({ messages }) =>
        (messages as Json[]).slice(1).some(({ role }) => role === "system")
          ? "System message must be at the beginning."
          : null,
      { messages: [{ role: "user", content: "a" }, { role: "system", content: "s" }] },
      [
        { messages: [{ role: "user", content: "a" }, { role: "system", content: "s" }] },
        { messages: [{ role: "system", content: "s" }, { role: "user", content: "a" }] },
      ],
    ],
    [
      "past reasoning is left out",
      ({ messages }) =>
        JSON.stringify(messages).includes("reasoning_content")
          ? "messages.1.reasoning_content: Extra inputs are not permitted"
          : null,
      {
        messages: [
          { role: "user", content: "a" },
          {
            role: "assistant",
            content: [{ type: "thinking", thinking: "t", signature: "" }, {
              type: "text",
              text: "b",
            }],
          },
          { role: "user", content: "c" },
        ],
      },
      [{}, {
        messages: [
          { role: "user", content: "a" },
          { role: "assistant", content: "b" },
          { role: "user", content: "c" },
        ],
      }],
    ],
    [
      "stop sequences are cut to the limit",
      ({ stop }) => (stop as string[]).length > 2 ? "stop: must have at most 2 elements" : null,
      { stop_sequences: ["a", "b", "c"] },
      [{ stop: ["a", "b", "c"] }, { stop: ["a", "b"] }],
    ],
    [
      "an unknown optional field is left out",
      ({ top_k }) => top_k ? "Unrecognized request argument supplied: top_k" : null,
      { top_k: 5 },
      [{ top_k: 5 }, { top_k: undefined }],
    ],
    [
      "a sampling parameter that the model does not take is left out",
      ({ temperature }) =>
        temperature === undefined
          ? null
          : { message: "Only the default (1) value is supported.", param: "temperature" },
      { temperature: 0.2 },
      [{ temperature: 0.2 }, { temperature: undefined }],
    ],
  ];
  for (const [name, rejects, change, [before, after], later = after] of cases) {
    test(name, async () => {
      const { ask } = serverThat(rejects);
      const first = await ask(change);
      expect(first.failure).toBeNull();
      expect(first.bodies).toHaveLength(2);
      expect(first.bodies[0]).toMatchObject(before);
      expect(picked(first.bodies[1]!, after)).toEqual(after as Json);
      const second = await ask(change);
      expect(second.bodies).toHaveLength(1);
      expect(picked(second.bodies[0]!, later)).toEqual(later as Json);
    });
  }
});

test("a server of responses teaches the same lessons", async () => {
  const bodies: Json[] = [];
  const response = { id: "r", object: "response", status: "completed", output: [] };
  const fetch = (url: string, init: RequestInit) => {
    if (!url.endsWith("/responses")) return Promise.resolve(new Response("", { status: 404 }));
    const body = JSON.parse(String(init.body));
    bodies.push(body);
    const error = body.reasoning?.effort === "max"
      ? { message: "Supported values are: 'low' and 'high'.", param: "reasoning.effort" }
      : body.temperature !== undefined
      ? { message: "Unsupported parameter: 'temperature'", param: "temperature" }
      : body.text !== undefined
      ? { message: "Unsupported value: 'low'", param: "text.verbosity" }
      : null;
    return Promise.resolve(
      error ? Response.json({ error }, { status: 400 }) : Response.json(response),
    );
  };
  const adapter = new OpenAiAdapter({ base_url: "http://h/v1" }, { ...realWorld, fetch });
  const change = { reasoning_effort: "max", temperature: 0.5, verbosity: "low" };
  const bodyText = JSON.stringify({ messages: [{ role: "user", content: "hi" }], ...change });
  const call = callOf({ endpoint: Endpoint.chat, bodyText, stream: false });
  for (const asked of [4, 5]) {
    await Array.fromAsync(textsOf(adapter.answer(call)));
    expect(bodies).toHaveLength(asked);
    expect(bodies.at(-1)).toMatchObject({ reasoning: { effort: "high" } });
    expect(bodies.at(-1)).not.toContainAnyKeys(["temperature", "text"]);
  }
});

test("a rejection that teaches nothing is the caller's, in the provider's words", async () => {
  const { ask } = serverThat(() => "Could not finish the message because max_tokens was reached.");
  const { failure, bodies } = await ask({ max_tokens: 1 });
  expect(failure).toMatchObject({
    code: 400,
    message: expect.stringContaining("Could not finish"),
  });
  expect(bodies).toHaveLength(1);
});

test("a server that rejects whatever is sent is asked a bounded number of times", async () => {
  let n = 0;
  const { ask } = serverThat(() =>
    `Unknown parameter: ${["top_k", "user", "temperature", "top_p"][n++]}`
  );
  const { failure, bodies } = await ask({ top_k: 1 });
  expect(failure).toMatchObject({ code: 400 });
  expect(bodies).toHaveLength(4);
});

test("the same lesson is not learned twice", () => {
  const failure = new UpstreamFailure(400, "no", {
    error: { message: '"m" does not support thinking', param: null },
  });
  const learned = quirkIn(failure, quirksOf({ host: "h" }))!;
  expect(learned).toEqual({ efforts: [] });
  expect(quirkIn(failure, { ...quirksOf({ host: "h" }), ...learned })).toBeNull();
  expect(
    quirkIn(new UpstreamFailure(500, "no", { error: failure.error! }), quirksOf({ host: "h" })),
  )
    .toBeNull();
});

test("a context length from the model list clamps the limit before it is rejected", async () => {
  const { adapter, ask } = serverThat(() => null);
  await adapter.models(new AbortController().signal);
  const [body] = (await ask({ max_tokens: 32_000 })).bodies;
  expect(Number(body!.max_tokens)).toBeLessThan(8192);
  expect(Number(body!.max_tokens)).toBeGreaterThan(8000);
  expect((await ask({ max_tokens: 100 })).bodies[0]!.max_tokens).toBe(100);
});

test("reasoning goes back under the name that the server uses", async () => {
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason }],
  });
  const bodies: Json[] = [];
  const fetch = (_: string, init: RequestInit) => {
    bodies.push(JSON.parse(String(init.body)));
    return Promise.resolve(
      eventStream([sse(chunk({ reasoning: "Hm." }), chunk({ content: "a" }, "stop"))]),
    );
  };
  const adapter = new OpenAiAdapter({ base_url: "http://h/v1" }, { ...realWorld, fetch });
  const content = [{ type: "thinking", thinking: "Hm.", signature: "" }, {
    type: "text",
    text: "a",
  }];
  const user = { role: "user", content: "a" };
  const body = {
    model: "m",
    max_tokens: 9,
    messages: [user, { role: "assistant", content }, user],
  };
  for (let i = 0; i < 2; i++) {
    const call = callOf({ endpoint: Endpoint.messages, bodyText: JSON.stringify(body) });
    await Array.fromAsync(textsOf(adapter.answer(call)));
  }
  const names = bodies.map(({ messages }) => Object.keys((messages as Json[])[1]!).at(-1));
  expect(names).toEqual(["reasoning_content", "reasoning"]);
});

test("a provider's host and its owner decide the quirks", () => {
  expect(quirksOf({ host: "api.openai.com" })).toMatchObject({
    limitName: "max_completion_tokens",
    reasoningField: null,
    maxStops: 4,
  });
  expect(quirksOf({ host: "x.openai.azure.com" }).limitName).toBe("max_completion_tokens");
  expect(quirksOf({ host: "notopenai.com" }).limitName).toBe("max_tokens");
  expect(quirksOf({ host: "openrouter.ai" }).reasoningField).toBe("reasoning");
  expect(quirksOf({ host: "api.openai.com" }, {
    max_tokens_field: "max_tokens",
    reasoning_field: "none",
    efforts: ["low"],
    system_first: true,
    max_stops: 1,
    context_length: 9,
    omit: ["user"],
  })).toMatchObject({
    limitName: "max_tokens",
    reasoningField: null,
    efforts: ["low"],
    systemFirst: true,
    maxStops: 1,
    contextLength: 9,
    omit: ["user"],
  });
});

import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../../protocol/mod.ts";
import { callOf, textsOf } from "../../testing/adapter_call.ts";
import { eventStream, sse } from "../../testing/stub_upstream.ts";
import { realWorld } from "../../world.ts";
import { UpstreamFailure } from "../adapter.ts";
import { ClaudeAdapter } from "../claude.ts";
import { errorBody, errorWords } from "../error_body.ts";
import { OpenAiAdapter } from "../openai.ts";
import { isContextOverflow, promptTooLong } from "./context_overflow.ts";

/** A server, its status and body, and the tokens that the message names. */
const sources: [server: string, status: number, body: object, tokens: string | null][] = [
  ["OpenAI", 400, {
    error: {
      message:
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens. Please reduce the length of the messages.",
      type: "invalid_request_error",
      param: "messages",
      code: "context_length_exceeded",
    },
  }, "130001 tokens > 128000 maximum"],
  ["vLLM", 400, {
    object: "error",
    message:
      "This model's maximum context length is 8192 tokens. However, your request has 9000 input tokens. Please reduce the length of the input messages.",
    type: "BadRequestError",
    param: null,
    code: 400,
  }, "9000 tokens > 8192 maximum"],
  ["llama.cpp", 400, {
    error: {
      code: 400,
      message: "the request exceeds the available context size, try increasing it",
      type: "exceed_context_size_error",
      n_prompt_tokens: 9000,
      n_ctx: 8192,
    },
  }, null],
  ["llama.cpp, newer", 400, {
    error: {
      code: 400,
      message:
        "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
      type: "exceed_context_size_error",
    },
  }, "9000 tokens > 8192 maximum"],
  ["LM Studio", 400, {
    error:
      "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length of only 8192 tokens",
  }, "9000 tokens > 8192 maximum"],
  ["Mistral", 400, {
    object: "error",
    message:
      "Prompt contains 9000 tokens and 0 draft tokens, too large for model with 8192 maximum context length",
    type: "invalid_request_prompt",
    code: "3051",
  }, "9000 tokens > 8192 maximum"],
  ["vLLM, older", 400, {
    error: {
      message:
        "The decoder prompt (length 9000) is longer than the maximum model length of 8192. Make sure that `max_model_len` is no smaller than the number of text tokens.",
      type: "BadRequestError",
      code: 400,
    },
  }, "9000 tokens > 8192 maximum"],
  ["Moonshot", 400, {
    error: {
      message: "Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)",
      type: "invalid_request_error",
    },
  }, "9000 tokens > 8192 maximum"],
  ["xAI", 400, {
    code: "Client specified an invalid argument",
    error: "This model's maximum prompt length is 8192 but the request contains 9000 tokens.",
  }, "9000 tokens > 8192 maximum"],
  ["GitHub Copilot", 400, {
    error: {
      message: "prompt token count of 9000 exceeds the limit of 8192",
      code: "model_max_prompt_tokens_exceeded",
    },
  }, "9000 tokens > 8192 maximum"],
  ["Text Generation Inference", 422, {
    error:
      "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8192. Given: 9000 `inputs` tokens and 100 `max_new_tokens`",
    error_type: "validation",
  }, "9000 tokens > 8192 maximum"],
  ["a server with a 500", 500, { error: { message: "context length exceeded" } }, null],
];

const bodies = {
  [Endpoint.chat]: { messages: [{ role: "user", content: "hi" }] },
  [Endpoint.messages]: { messages: [{ role: "user", content: "hi" }], max_tokens: 9 },
  [Endpoint.responses]: { input: "hi" },
};

async function failureOf(
  adapter: OpenAiAdapter | ClaudeAdapter,
  endpoint: keyof typeof bodies,
): Promise<UpstreamFailure> {
  const call = callOf({ endpoint, bodyText: JSON.stringify({ model: "m", ...bodies[endpoint] }) });
  const failure = await Array.fromAsync(textsOf(adapter.answer(call))).catch((error) => error);
  expect(failure).toBeInstanceOf(UpstreamFailure);
  return failure;
}

const openAiOver = (answer: () => Response) =>
  new OpenAiAdapter({ base_url: "http://h/v1" }, {
    ...realWorld,
    fetch: () => Promise.resolve(answer()),
  });

describe("a prompt beyond the context", () => {
  for (const [server, status, body, tokens] of sources) {
    const inStream = () => eventStream([sse("error" in body ? body : { error: body })]);
    const refused = () => Response.json(body, { status });
    for (const [how, answer] of [["refused", refused], ["in a 200", inStream]] as const) {
      test(`of ${server}, ${how}, is reported in the words of the caller's dialect`, async () => {
        for (const endpoint of [Endpoint.chat, Endpoint.responses] as const) {
          const failure = await failureOf(openAiOver(answer), endpoint);
          expect(failure.code).toBe(400);
          expect(JSON.parse(errorBody(endpoint, failure)).error).toMatchObject({
            code: "context_length_exceeded",
            type: "invalid_request_error",
            message: expect.stringMatching(/context|prompt|token/),
          });
        }
        const failure = await failureOf(openAiOver(answer), Endpoint.messages);
        expect(failure.code).toBe(400);
        const { error } = JSON.parse(errorBody(Endpoint.messages, failure));
        expect(error.type).toBe("invalid_request_error");
        expect(error.message).toStartWith(`prompt is too long: ${tokens ?? ""}`);
      });
    }
  }

  test("of Claude has OpenAI's code for other callers", async () => {
    const message = "prompt is too long: 210000 tokens > 200000 maximum";
    const error = { type: "invalid_request_error", message };
    const fetch = () => Promise.resolve(Response.json({ type: "error", error }, { status: 400 }));
    const adapter = new ClaudeAdapter({}, { ...realWorld, fetch });
    for (const endpoint of [Endpoint.chat, Endpoint.responses] as const) {
      const failure = await failureOf(adapter, endpoint);
      expect(JSON.parse(errorBody(endpoint, failure)).error)
        .toMatchObject({ code: "context_length_exceeded", message });
    }
  });
});

test("a prompt beyond the context of a model server with Anthropic's API is reported in Anthropic's words", async () => {
  const message =
    "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it";
  const error = { type: "invalid_request_error", message };
  const answers = [
    () => Response.json({ type: "error", error }, { status: 400 }),
    () => eventStream([`event: error\n${sse({ type: "error", error })}`]),
  ];
  for (const [stream, answer] of answers.entries()) {
    const adapter = new ClaudeAdapter({}, {
      ...realWorld,
      fetch: () => Promise.resolve(answer()),
    });
    const bodyText = JSON.stringify({ model: "m", ...bodies[Endpoint.messages] });
    const call = callOf({ endpoint: Endpoint.messages, bodyText, stream: stream === 1 });
    const failure: UpstreamFailure = await Array.fromAsync(textsOf(adapter.answer(call)))
      .catch((error) => error);
    const told = "prompt is too long: 9000 tokens > 8192 maximum";
    expect(JSON.parse(errorBody(Endpoint.messages, failure)).error.message).toBe(told);
    expect(errorWords(Endpoint.messages, failure)?.message).toBe(told);
    expect(errorWords(Endpoint.chat, failure)?.message).toBe(message);
  }
});

test("an answer that is too long for the rest of the context is no overflow", () => {
  const message =
    "'max_tokens' is too large: 32000. This model's maximum context length is 8192 tokens and your request has 7 input tokens (32000 > 8192 - 7).";
  expect(isContextOverflow({ message })).toBe(false);
  expect(isContextOverflow({ message: "Invalid value: 'context'" })).toBe(false);
});

test("Anthropic's own words stay as they are", () => {
  const message = "prompt is too long: 5 tokens > 4 maximum";
  expect(promptTooLong(message)).toBe(message);
});

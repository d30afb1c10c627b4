import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../../protocol/mod.ts";
import { callOf, textsOf } from "../../testing/adapter_call.ts";
import { eventStream, sse } from "../../testing/stub_upstream.ts";
import { realWorld } from "../../world.ts";
import { UpstreamFailure } from "../adapter.ts";
import { ClaudeAdapter } from "../claude.ts";
import { errorBody } from "../error_body.ts";
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
      test(`of ${server}, ${how}, is told in the words of the caller's dialect`, async () => {
        for (const endpoint of [Endpoint.chat, Endpoint.responses] as const) {
          const failure = await failureOf(openAiOver(answer), endpoint);
          expect(failure.code).toBe(400);
          expect(JSON.parse(errorBody(endpoint, failure)).error).toMatchObject({
            code: "context_length_exceeded",
            type: "invalid_request_error",
            message: expect.stringMatching(/context/),
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

/** Messages with Anthropic's own package. */

import { expect } from "bun:test";
import Anthropic, { type APIError } from "@anthropic-ai/sdk";
import { Endpoint } from "../../protocol/mod.ts";
import { anthropicFailure as failure } from "./failure.ts";
import { type Feature, features, type Row } from "./feature.ts";
import type { Scene } from "./scene.ts";
import { CALLS, HELLO, Say, THOUGHT } from "./stories.ts";

const both = ["openai", "claude"] as const;

type More = Omit<Partial<Anthropic.MessageCreateParamsNonStreaming>, "stream">;

const ask = ({ model }: Pick<Scene, "model">, content: string, more: More = {}) => ({
  model,
  max_tokens: 1024,
  messages: [{ role: "user" as const, content }],
  ...more,
});

const tools = CALLS.map(({ name }) => ({
  name,
  input_schema: { type: "object" as const, properties: { city: { type: "string" } } },
}));

const inputs = CALLS.map(({ name, arguments: text }) => ({ name, input: JSON.parse(text) }));

function textOf({ content }: Anthropic.Message): string {
  return content.map((block) => block.type === "text" ? block.text : "").join("");
}

function toolsOf({ content }: Anthropic.Message) {
  return content.flatMap((block) => block.type === "tool_use" ? [block] : []);
}

const typeOf = (error: APIError) => (error.error as { error: { type: string } }).error.type;

const rows: Row[] = [
  {
    does: "whole answer, with usage",
    on: both,
    async run(scene) {
      const answer = await scene.anthropic.messages.create(ask(scene, Say.hello));
      expect(textOf(answer)).toBe(HELLO);
      expect(answer).toMatchObject({
        type: "message",
        role: "assistant",
        stop_reason: "end_turn",
        usage: { input_tokens: 5, output_tokens: 7 },
      });
      expect(answer._request_id).toStartWith("req-");
    },
  },
  {
    does: "`model` in the answer",
    on: both,
    but: {
      note: "the requested name, unless the provider reports a third one",
    },
    async run(scene) {
      const { messages } = scene.anthropic;
      expect((await messages.create(ask(scene, Say.hello))).model).toBe(scene.model);
      const streamed = await messages.stream(ask(scene, Say.hello)).finalMessage();
      expect(streamed.model).toBe(scene.model);
    },
  },
  {
    does: "stream, event by event",
    on: both,
    async run(scene) {
      const request = { ...ask(scene, Say.hello), stream: true as const };
      const events = await Array.fromAsync(await scene.anthropic.messages.create(request));
      const kinds = events.map(({ type }) => type).filter((type) => !/delta|ping/.test(type));
      expect(kinds).toEqual(
        [
          "message_start",
          "content_block_start",
          "content_block_stop",
          "message_stop",
        ] as typeof kinds,
      );
    },
  },
  {
    does: "the helper `.stream()` to its `finalMessage()`",
    on: both,
    async run(scene) {
      const answer = await scene.anthropic.messages.stream(ask(scene, Say.hello)).finalMessage();
      expect(textOf(answer)).toBe(HELLO);
      expect(answer.usage.output_tokens).toBe(7);
    },
  },
  {
    does: "tools, several calls in one answer",
    on: both,
    async run(scene) {
      const whole = await scene.anthropic.messages.create(ask(scene, Say.tools, { tools }));
      expect(whole.stop_reason).toBe("tool_use");
      expect(toolsOf(whole)).toMatchObject(inputs);
      const request = ask(scene, Say.tools, { tools, tool_choice: { type: "auto" } });
      const streamed = await scene.anthropic.messages.stream(request).finalMessage();
      expect(toolsOf(streamed)).toMatchObject(inputs);
    },
  },
  {
    does: "tool results",
    on: both,
    async run(scene) {
      const request = ask(scene, Say.withResult, { tools });
      const call = await scene.anthropic.messages.create(request);
      const [use] = toolsOf(call);
      expect(use).toMatchObject(inputs[0]!);
      const answer = await scene.anthropic.messages.create({
        ...request,
        messages: [
          ...request.messages,
          { role: "assistant", content: call.content },
          {
            role: "user",
            content: [{ type: "tool_result", tool_use_id: use!.id, content: "21 degrees" }],
          },
        ],
      });
      expect(textOf(answer)).toBe("It is 21 degrees.");
    },
  },
  {
    does: "thinking",
    on: both,
    async run(scene) {
      const answer = await scene.anthropic.messages.stream(ask(scene, Say.think)).finalMessage();
      const thoughts = answer.content.map((block) =>
        block.type === "thinking" ? block.thinking : ""
      );
      expect(thoughts.join("")).toBe(THOUGHT);
      expect(textOf(answer)).toBe("42");
    },
  },
  {
    does: "system prompts",
    on: both,
    async run(scene) {
      const system = [{ type: "text" as const, text: "Be kind." }];
      await scene.anthropic.messages.create(ask(scene, Say.hello, { system }));
      expect(JSON.stringify(scene.aimock.getLastRequest()!.body)).toContain("Be kind.");
    },
  },
  {
    does: "images, as base64 and as https addresses",
    on: both,
    async run(scene) {
      const answer = await scene.anthropic.messages.create({
        model: scene.model,
        max_tokens: 1024,
        messages: [{
          role: "user",
          content: [
            {
              type: "image",
              source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" },
            },
            { type: "image", source: { type: "url", url: "https://images.example/cat.png" } },
            { type: "text", text: Say.hello },
          ],
        }],
      });
      expect(textOf(answer)).toBe(HELLO);
    },
  },
  {
    does: "an answer truncated by `max_tokens` reports it",
    on: both,
    async run(scene) {
      const answer = await scene.anthropic.messages.create(ask(scene, Say.long));
      expect(answer.stop_reason).toBe("max_tokens");
    },
  },
  {
    does: "an invalid key",
    on: both,
    but: { note: "401 `authentication_error`" },
    async run(scene) {
      const stranger = scene.anthropic.withOptions({ apiKey: "sk-nonsense" });
      const error = await failure(stranger.messages.create(ask(scene, Say.hello)));
      expect(error).toBeInstanceOf(Anthropic.AuthenticationError);
      expect(typeOf(error)).toBe("authentication_error");
    },
  },
  {
    does: "an unknown model",
    on: both,
    but: { note: "404 `not_found_error`" },
    async run({ anthropic }) {
      const error = await failure(anthropic.messages.create(ask({ model: "modle" }, Say.hello)));
      expect(error).toBeInstanceOf(Anthropic.NotFoundError);
      expect(typeOf(error)).toBe("not_found_error");
      expect(error.requestID).toStartWith("req-");
    },
  },
  {
    does: "a request that the provider rejects",
    on: both,
    but: { note: "400 `invalid_request_error`, in the provider's words" },
    async run(scene) {
      const error = await failure(scene.anthropic.messages.create(ask(scene, Say.wrong)));
      expect(error).toBeInstanceOf(Anthropic.BadRequestError);
      expect(typeOf(error)).toBe("invalid_request_error");
      expect(error.message).toContain("top_p is out of range");
    },
  },
  {
    does: "the provider's rate limit",
    on: both,
    but: { note: "429 `rate_limit_error` with `retry-after`" },
    async run(scene) {
      const error = await failure(scene.anthropic.messages.create(ask(scene, Say.limit)));
      expect(error).toBeInstanceOf(Anthropic.RateLimitError);
      expect(typeOf(error)).toBe("rate_limit_error");
      expect(Number(error.headers?.get("retry-after"))).toBeGreaterThan(0);
    },
  },
  {
    does: "a provider that rejects the node's key",
    on: both,
    but: { note: "502, never 401" },
    async run(scene) {
      const error = await failure(scene.anthropic.messages.create(ask(scene, Say.locked)));
      expect(error.status).toBe(502);
      expect(error.message).not.toContain("sk-");
    },
  },
  {
    does: "a provider that answers invalid JSON",
    on: both,
    but: { note: "502 `api_error`" },
    async run(scene) {
      const request = ask(scene, Say.garbled);
      for (const stream of [false, true]) {
        const error = await failure(scene.anthropic.messages.create({ ...request, stream }));
        expect(error.status).toBe(502);
        expect(typeOf(error)).toBe("api_error");
      }
    },
  },
  {
    does: "a truncated stream",
    on: both,
    but: { note: "an error in the stream, never a silent end" },
    async run(scene) {
      const stream = scene.anthropic.messages.stream(ask(scene, Say.cut));
      const kinds: string[] = [];
      stream.on("streamEvent", ({ type }) => void kinds.push(type));
      await failure(stream.finalMessage());
      expect(kinds).toContain("content_block_delta");
      expect(kinds).not.toContain("message_stop");
    },
  },
];

/** Contents of Claude's streams that pass unchanged. */
const recorded: Row[] = [
  {
    does: "signatures of thinking",
    on: ["claude"],
    async run({ anthropic }) {
      const model = "recorded/thinking-text-two-tools";
      const answer = await anthropic.messages.stream(ask({ model }, "x")).finalMessage();
      expect(answer.content[0]).toMatchObject({ type: "thinking" });
      expect((answer.content[0] as Anthropic.ThinkingBlock).signature).not.toBe("");
    },
  },
  {
    does: "redacted thinking",
    on: ["claude"],
    async run({ anthropic }) {
      const model = "recorded/redacted-thinking";
      const answer = await anthropic.messages.stream(ask({ model }, "x")).finalMessage();
      expect(answer.content.map(({ type }) => type)).toContain("redacted_thinking");
    },
  },
  {
    does: "server tools and their results",
    on: ["claude"],
    async run({ anthropic }) {
      const model = "recorded/server-tools";
      const answer = await anthropic.messages.stream(ask({ model }, "x")).finalMessage();
      expect(answer.content.map(({ type }) => type)).toContain("server_tool_use");
    },
  },
  {
    does: "a refusal",
    on: ["claude"],
    async run({ anthropic }) {
      const model = "recorded/refusal";
      const answer = await anthropic.messages.stream(ask({ model }, "x")).finalMessage();
      expect(answer.stop_reason).toBe("refusal");
    },
  },
  {
    does: "an overload error right after status 200",
    on: ["claude"],
    but: { note: "an error before the stream begins" },
    async run({ anthropic }) {
      const model = "recorded/error-after-200";
      const error = await failure(anthropic.messages.create(ask({ model }, "x")));
      expect(error.status).toBeGreaterThanOrEqual(500);
    },
  },
];

const counting: Row[] = [
  {
    does: "counting tokens",
    on: ["claude"],
    async run({ anthropic }) {
      const { messages } = ask({ model: "x" }, Say.hello);
      const model = "recorded/text";
      expect(await anthropic.messages.countTokens({ model, messages }))
        .toMatchObject({ input_tokens: 11 });
    },
  },
  {
    does: "counting tokens",
    on: ["openai"],
    but: { note: "by the server's tokenizer, else estimated: `x-token-count: estimate`" },
    async run({ anthropic, model }) {
      const { messages } = ask({ model }, Say.hello);
      const { data, response } = await anthropic.messages.countTokens({ model, messages })
        .withResponse();
      expect(data.input_tokens).toBeGreaterThan(2);
      expect(response.headers.get("x-token-count")).toBe("estimate");
    },
  },
];

export const anthropicMessages: Feature[] = [
  ...features("@anthropic-ai/sdk", Endpoint.messages, [...rows, ...recorded]),
  ...features("@anthropic-ai/sdk", Endpoint.count_tokens, counting),
];

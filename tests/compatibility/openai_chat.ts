/** Chat completions with OpenAI's own package. */

import { expect } from "bun:test";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { Endpoint } from "../../protocol/mod.ts";
import { failure } from "./failure.ts";
import { type Feature, features, type Provider, type Row } from "./feature.ts";
import { CALLS, HELLO, PERSON, Say, THOUGHT } from "./stories.ts";
import type { Scene } from "./scene.ts";

const both = ["openai", "claude"] as const;

type Message = OpenAI.ChatCompletionMessageParam;
type More = Omit<Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>, "stream">;

const ask = ({ model }: Pick<Scene, "model">, content: string, more: More = {}) => ({
  model,
  messages: [{ role: "user", content }] as Message[],
  ...more,
});

const tools = CALLS.map(({ name }) => ({
  type: "function" as const,
  function: {
    name,
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
}));

/** The provider's failure reaches the caller with this status. */
const fails = (provider: Provider, status: number): Row => ({
  does: "a provider that fails",
  on: [provider],
  but: { note: `${status}, in the provider's words` },
  async run(scene) {
    const error = await failure(scene.openai.chat.completions.create(ask(scene, Say.down)));
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error.status).toBe(status);
    expect(error.message).toContain("stack trace of the provider");
  },
});

function functionsOf(message: OpenAI.ChatCompletionMessage | undefined) {
  return (message?.tool_calls ?? []).map((call) => call.type === "function" && call.function);
}

const rows: Row[] = [
  {
    does: "whole answer, with usage",
    on: both,
    async run(scene) {
      const answer = await scene.openai.chat.completions.create(ask(scene, Say.hello));
      expect(answer.choices[0]).toMatchObject({
        finish_reason: "stop",
        message: { role: "assistant", content: HELLO },
      });
      const { prompt_tokens = 0, completion_tokens = 0, total_tokens } = answer.usage ?? {};
      expect(completion_tokens).toBeGreaterThan(0);
      expect(total_tokens).toBe(prompt_tokens + completion_tokens);
      expect(answer._request_id).toStartWith("req-");
    },
  },
  {
    does: "`model` in the answer",
    on: both,
    but: {
      note: "the requested name, unless the provider reports a third one",
    },
    async run({ openai, model }) {
      const request = { model, messages: [{ role: "user" as const, content: Say.hello }] };
      expect((await openai.chat.completions.create(request)).model).toBe(model);
      const chunks = await openai.chat.completions.create({ ...request, stream: true });
      for await (const chunk of chunks) expect(chunk.model).toBe(model);
    },
  },
  {
    does: "stream",
    on: both,
    async run(scene) {
      const request = { ...ask(scene, Say.hello), stream: true as const };
      const chunks = await Array.fromAsync(await scene.openai.chat.completions.create(request));
      const choices = chunks.flatMap((chunk) => chunk.choices);
      expect(choices.map(({ delta }) => delta.content ?? "").join("")).toBe(HELLO);
      expect(choices.at(-1)!.finish_reason).toBe("stop");
      // One answer without usage, which was not requested.
      expect(new Set(chunks.map(({ id, created }) => `${id} ${created}`)).size).toBe(1);
      expect(chunks.every((chunk) => chunk.choices.length > 0 && !chunk.usage)).toBe(true);
    },
  },
  {
    does: "`stream_options.include_usage`",
    on: both,
    async run(scene) {
      const request = {
        ...ask(scene, Say.hello),
        stream: true as const,
        stream_options: { include_usage: true },
      };
      const chunks = await Array.fromAsync(await scene.openai.chat.completions.create(request));
      expect(chunks.at(-1)).toMatchObject({ choices: [] });
      expect(chunks.at(-1)!.usage!.completion_tokens).toBeGreaterThan(0);
    },
  },
  {
    does: "the helper `.stream()` to its `finalChatCompletion()`",
    on: both,
    async run(scene) {
      const { choices } = await scene.openai.chat.completions
        .stream(ask(scene, Say.tools, { tools })).finalChatCompletion();
      expect(choices[0]!.finish_reason).toBe("tool_calls");
      expect(functionsOf(choices[0]!.message)).toMatchObject(CALLS);
    },
  },
  {
    does: "tools, several calls in one answer",
    on: both,
    async run(scene) {
      const { choices: [choice] } = await scene.openai.chat.completions.create(
        ask(scene, Say.tools, { tools, tool_choice: "auto", parallel_tool_calls: true }),
      );
      expect(choice!.finish_reason).toBe("tool_calls");
      expect(functionsOf(choice!.message)).toEqual([...CALLS]);
    },
  },
  {
    does: "tool results, in the helper `runTools()`",
    on: both,
    async run(scene) {
      const asked: string[] = [];
      const runner = scene.openai.chat.completions.runTools({
        ...ask(scene, Say.withResult),
        tools: [{
          type: "function",
          function: {
            name: "get_weather",
            description: "Tells the weather",
            parameters: { type: "object", properties: {} },
            parse: (text: string) => JSON.parse(text) as { city: string },
            function: ({ city }: { city: string }) => {
              asked.push(city);
              return "21 degrees";
            },
          },
        }],
      });
      expect(await runner.finalContent()).toBe("It is 21 degrees.");
      expect(asked).toEqual(["Köln"]);
    },
  },
  {
    does: "structured output, in the helper `parse()`",
    on: both,
    async run(scene) {
      const shape = z.object({ name: z.string(), age: z.number() });
      const { choices: [choice] } = await scene.openai.chat.completions.parse(
        ask(scene, Say.json, { response_format: zodResponseFormat(shape, "person") }) as
          & OpenAI.ChatCompletionCreateParamsNonStreaming
          & { response_format: ReturnType<typeof zodResponseFormat<typeof shape>> },
      );
      expect(choice!.message.parsed).toEqual(PERSON);
    },
  },
  {
    does: "system and developer messages",
    on: both,
    async run(scene) {
      const answer = await scene.openai.chat.completions.create({
        model: scene.model,
        messages: [
          { role: "system", content: "Be kind." },
          { role: "developer", content: "Be brief." },
          { role: "user", content: Say.hello },
        ],
      });
      expect(answer.choices[0]!.message.content).toBe(HELLO);
      const sent = JSON.stringify(scene.aimock.getLastRequest()!.body);
      expect(sent).toContain("Be kind.");
      expect(sent).toContain("Be brief.");
    },
  },
  {
    does: "images, as `data:` and as https addresses",
    on: both,
    async run(scene) {
      const pixel =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
      const answer = await scene.openai.chat.completions.create({
        model: scene.model,
        messages: [{
          role: "user",
          content: [
            { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}` } },
            { type: "image_url", image_url: { url: "https://images.example/cat.png" } },
            { type: "text", text: Say.hello },
          ],
        }],
      });
      expect(answer.choices[0]!.message.content).toBe(HELLO);
    },
  },
  {
    does: "reasoning as `reasoning_content`",
    on: both,
    async run(scene) {
      const request = { ...ask(scene, Say.think), stream: true as const };
      const chunks = await Array.fromAsync(await scene.openai.chat.completions.create(request));
      const thought = chunks.flatMap(({ choices }) => choices)
        .map(({ delta }) => (delta as { reasoning_content?: string }).reasoning_content ?? "");
      expect(thought.join("")).toBe(THOUGHT);
    },
  },
  {
    does: "an answer truncated by `max_tokens` reports it",
    on: both,
    async run(scene) {
      const { choices: [choice] } = await scene.openai.chat.completions.create(
        ask(scene, Say.long, { max_completion_tokens: 16 }),
      );
      expect(choice!.finish_reason).toBe("length");
    },
  },
  {
    does: "a request that the provider rejects",
    on: both,
    but: { note: "400, in the provider's words" },
    async run(scene) {
      const error = await failure(scene.openai.chat.completions.create(ask(scene, Say.wrong)));
      expect(error).toBeInstanceOf(OpenAI.BadRequestError);
      expect(error.message).toContain("top_p is out of range");
    },
  },
  {
    does: "the provider's rate limit",
    on: both,
    but: { note: "429 with `retry-after`" },
    async run(scene) {
      const error = await failure(scene.openai.chat.completions.create(ask(scene, Say.limit)));
      expect(error).toBeInstanceOf(OpenAI.RateLimitError);
      expect(Number(error.headers?.get("retry-after"))).toBeGreaterThan(0);
    },
  },
  {
    does: "a provider that rejects the node's key",
    on: both,
    but: { note: "502, never 401" },
    async run(scene) {
      const error = await failure(scene.openai.chat.completions.create(ask(scene, Say.locked)));
      expect(error).toMatchObject({ status: 502, code: "upstream_auth" });
      expect(JSON.stringify(error)).not.toContain("sk-aimock");
    },
  },
  fails("openai", 500),
  // Claude's errors become OpenAI's by their type, not by their status.
  fails("claude", 502),
  {
    does: "a truncated stream",
    on: both,
    but: { note: "an error in the stream, never a silent end" },
    async run(scene) {
      const request = { ...ask(scene, Say.cut), stream: true as const };
      const stream = await scene.openai.chat.completions.create(request);
      const error = await failure(Array.fromAsync(stream));
      expect(error.requestID).toStartWith("req-");
      const helper = scene.openai.chat.completions.stream(ask(scene, Say.cut));
      await failure(helper.finalChatCompletion());
    },
  },
  {
    does: "a provider that answers invalid JSON",
    on: both,
    but: { note: "502" },
    async run(scene) {
      const request = ask(scene, Say.garbled);
      for (const stream of [false, true]) {
        const answer = scene.openai.chat.completions.create({ ...request, stream });
        expect(await failure(answer)).toMatchObject({ status: 502 });
      }
    },
  },
  {
    does: "the provider's request id, as `x-upstream-request-id`",
    on: both,
    async run(scene) {
      const { response } = await scene.openai.chat.completions.create(ask(scene, Say.hello))
        .withResponse();
      const id = response.headers.get("x-upstream-request-id");
      expect(id).toBeTruthy();
      expect(id).not.toBe(response.headers.get("x-request-id"));
    },
  },
  {
    does: "a provider that disconnects before it answers",
    on: both,
    but: { note: "502" },
    async run(scene) {
      const error = await failure(scene.openai.chat.completions.create(ask(scene, Say.disconnect)));
      expect(error).toMatchObject({ status: 502 });
    },
  },
];

export const openAiChat: Feature[] = features("openai", Endpoint.chat, rows);

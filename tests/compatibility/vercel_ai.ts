/** Vercel's AI SDK, with its providers for OpenAI-compatible servers, for Anthropic and for OpenAI, older majors of theirs too. */

import { expect } from "bun:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createAnthropic as createAnthropic2 } from "ai-sdk-anthropic-2";
import { createAnthropic as createAnthropic3 } from "ai-sdk-anthropic-3";
import { createOpenAI as createOpenAI2 } from "ai-sdk-openai-2";
import { createOpenAI as createOpenAI3 } from "ai-sdk-openai-3";
import { embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { Endpoint } from "../../protocol/mod.ts";
import { type Feature, features, type Row } from "./feature.ts";
import type { Scene } from "./scene.ts";
import { HELLO, PERSON, Say, THOUGHT } from "./stories.ts";

const both = ["openai", "claude"] as const;

// The SDK warns of every model of an older provider that it runs it in a compatibility mode.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

type Model = Parameters<typeof generateText>[0]["model"];
type ModelOf = (scene: Scene) => Model;

/** No retries, and an explicit limit: the SDK warns about unknown models without one. */
const once = { maxRetries: 0, maxOutputTokens: 1024 };

const overChat: ModelOf = ({ gateway, apiKey, model, fetch }) =>
  createOpenAICompatible({
    name: "co-link",
    baseURL: `${gateway}/v1`,
    apiKey,
    fetch,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })(model);

interface ProviderSettings {
  baseURL: string;
  apiKey: string;
  fetch: typeof fetch;
}

/** A model of a provider with the usual settings, at the provider's own choice of endpoint. */
const over =
  (create: (settings: ProviderSettings) => (model: string) => Model): ModelOf =>
  ({ gateway, apiKey, model, fetch }) => create({ baseURL: `${gateway}/v1`, apiKey, fetch })(model);

/** The SDK's features are the same at both endpoints. */
const rowsWith = (modelOf: ModelOf): Row[] => [
  {
    does: "whole answer, with usage",
    on: both,
    async run(scene) {
      const { text, usage, finishReason } = await generateText({
        model: modelOf(scene),
        prompt: Say.hello,
        ...once,
      });
      expect(text).toBe(HELLO);
      expect(finishReason).toBe("stop");
      expect(usage.outputTokens).toBe(7);
    },
  },
  {
    does: "stream",
    on: both,
    async run(scene) {
      const stream = streamText({ model: modelOf(scene), prompt: Say.hello, ...once });
      expect((await Array.fromAsync(stream.textStream)).join("")).toBe(HELLO);
      expect(await stream.finishReason).toBe("stop");
      expect((await stream.usage).outputTokens).toBe(7);
    },
  },
  {
    does: "reasoning",
    on: both,
    async run(scene) {
      const stream = streamText({ model: modelOf(scene), prompt: Say.think, ...once });
      expect(await stream.text).toBe("42");
      expect(await stream.reasoningText).toBe(THOUGHT);
    },
  },
  {
    does: "tools, and their results",
    on: both,
    run: (scene) => useTool(modelOf(scene)),
  },
  {
    does: "structured output",
    on: both,
    async run(scene) {
      const { output } = await generateText({
        model: modelOf(scene),
        prompt: Say.json,
        ...once,
        output: Output.object({
          schema: jsonSchema<typeof PERSON>({
            type: "object",
            properties: { name: { type: "string" }, age: { type: "number" } },
            required: ["name", "age"],
            additionalProperties: false,
          }),
        }),
      });
      expect(output).toEqual(PERSON);
    },
  },
  {
    does: "a truncated stream",
    on: both,
    but: { note: "an error in the stream, never a silent end" },
    async run(scene) {
      const errors: unknown[] = [];
      const stream = streamText({
        model: modelOf(scene),
        prompt: Say.cut,
        ...once,
        onError: ({ error }) => void errors.push(error),
      });
      const kinds = (await Array.fromAsync(stream.fullStream)).map(({ type }) => type);
      expect(kinds).toContain("text-delta");
      expect(kinds).toContain("error");
      expect(errors).toHaveLength(1);
    },
  },
];

async function useTool(model: Model, isStored = true): Promise<void> {
  const asked: string[] = [];
  const { text, steps } = await generateText({
    model,
    prompt: Say.withResult,
    ...once,
    stopWhen: stepCountIs(3),
    ...(isStored ? {} : { providerOptions: { openai: { store: false } } }),
    tools: {
      get_weather: tool({
        inputSchema: jsonSchema<{ city: string }>({
          type: "object",
          properties: { city: { type: "string" } },
        }),
        execute: ({ city }) => {
          asked.push(city);
          return "21 degrees";
        },
      }),
    },
  });
  expect(asked).toEqual(["Köln"]);
  expect(steps).toHaveLength(2);
  expect(text).toBe("It is 21 degrees.");
}

/** The second major refers to the items of earlier answers, as if every provider stored them. */
function withReferences(rows: readonly Row[]): Row[] {
  const modelOf = over(createOpenAI2);
  return [
    ...rows.filter(({ does }) => does !== "tools, and their results"),
    { does: "tools, and their results", on: ["openai"], run: (scene) => useTool(modelOf(scene)) },
    {
      does: "tool calls by reference to stored items",
      on: ["claude"],
      but: { fails: "400 that names the field; `store: false` sends the items themselves" },
      async run(scene) {
        await expect(useTool(modelOf(scene))).rejects.toThrow("item_reference");
        await useTool(modelOf(scene), false);
      },
    },
  ];
}

const embeddings: Row = {
  does: "embeddings of several texts",
  on: ["openai"],
  async run({ gateway, apiKey, model }) {
    const provider = createOpenAICompatible({ name: "co-link", baseURL: `${gateway}/v1`, apiKey });
    const { embeddings } = await embedMany({
      model: provider.embeddingModel(model),
      values: ["embed this", "embed this"],
      maxRetries: 0,
    });
    expect(embeddings).toEqual([[0.25, -1.5, 3], [0.25, -1.5, 3]]);
  },
};

export const vercelAi: Feature[] = [
  ...features("ai", Endpoint.chat, rowsWith(overChat)),
  ...features("ai", Endpoint.embeddings, [embeddings]),
  ...features("ai", Endpoint.messages, rowsWith(over(createAnthropic))),
  ...features("@ai-sdk/anthropic 2", Endpoint.messages, rowsWith(over(createAnthropic2))),
  ...features("@ai-sdk/anthropic 3", Endpoint.messages, rowsWith(over(createAnthropic3))),
  ...features("@ai-sdk/openai", Endpoint.responses, rowsWith(over(createOpenAI))),
  ...features(
    "@ai-sdk/openai 2",
    Endpoint.responses,
    withReferences(rowsWith(over(createOpenAI2))),
  ),
  ...features("@ai-sdk/openai 3", Endpoint.responses, rowsWith(over(createOpenAI3))),
];

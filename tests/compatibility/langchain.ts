/** LangChain, through its package for OpenAI. */

import { expect } from "bun:test";
import { AIMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { z } from "zod";
import { Endpoint } from "../../protocol/mod.ts";
import { type Feature, features, type Row } from "./feature.ts";
import type { Scene } from "./scene.ts";
import { HELLO, PERSON, Say } from "./stories.ts";

const both = ["openai", "claude"] as const;

function chat({ gateway, apiKey, model, fetch }: Scene): ChatOpenAI {
  return new ChatOpenAI({
    model,
    apiKey,
    maxRetries: 0,
    configuration: { baseURL: `${gateway}/v1`, fetch },
  });
}

const weather = {
  name: "get_weather",
  description: "Tells the weather",
  schema: z.object({ city: z.string() }),
};

const rows: Row[] = [
  {
    does: "whole answer, with usage",
    on: both,
    async run(scene) {
      const answer = await chat(scene).invoke(Say.hello);
      expect(answer.text).toBe(HELLO);
      expect(answer).toMatchObject({ usage_metadata: { output_tokens: 7 } });
    },
  },
  {
    does: "stream",
    on: both,
    async run(scene) {
      const chunks = await Array.fromAsync(await chat(scene).stream(Say.hello));
      expect(chunks.map(({ text }) => text).join("")).toBe(HELLO);
      const whole = chunks.reduce((sum, chunk) => sum.concat(chunk));
      expect(whole).toMatchObject({ usage_metadata: { output_tokens: 7 } });
    },
  },
  {
    does: "tools, and their results",
    on: both,
    async run(scene) {
      const model = chat(scene).bindTools([weather]);
      const call = await model.invoke([new HumanMessage(Say.withResult)]);
      expect(call.tool_calls).toMatchObject([{ name: "get_weather", args: { city: "Köln" } }]);
      const id = call.tool_calls![0]!.id!;
      const answer = await model.invoke([
        new HumanMessage(Say.withResult),
        new AIMessage({ content: "", tool_calls: call.tool_calls! }),
        new ToolMessage({ content: "21 degrees", tool_call_id: id }),
      ]);
      expect(answer.text).toBe("It is 21 degrees.");
    },
  },
  {
    does: "structured output",
    on: both,
    async run(scene) {
      const shape = z.object({ name: z.string(), age: z.number() });
      const model = chat(scene).withStructuredOutput(shape, { method: "jsonSchema" });
      expect(await model.invoke(Say.json)).toEqual(PERSON);
    },
  },
];

const embeddings: Row = {
  does: "embeddings of several texts",
  on: ["openai"],
  async run({ gateway, apiKey, model }) {
    const embeddings = new OpenAIEmbeddings({
      model,
      apiKey,
      maxRetries: 0,
      configuration: { baseURL: `${gateway}/v1` },
    });
    expect(await embeddings.embedDocuments(["embed this", "embed this"]))
      .toEqual([[0.25, -1.5, 3], [0.25, -1.5, 3]]);
  },
};

export const langchain: Feature[] = [
  ...features("@langchain/openai", Endpoint.chat, rows),
  ...features("@langchain/openai", Endpoint.embeddings, [embeddings]),
];

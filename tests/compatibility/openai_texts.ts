/** Completions and embeddings with OpenAI's own package. */

import { expect } from "bun:test";
import OpenAI from "openai";
import { Endpoint } from "../../protocol/mod.ts";
import { failure } from "./failure.ts";
import { type Feature, features, type Row } from "./feature.ts";
import { VECTOR } from "./plain_server.ts";
import type { Scene } from "./scene.ts";

/** Calls to endpoints that Claude lacks. */
export function notOffered(ask: (scene: Scene) => PromiseLike<unknown>): Row {
  return {
    does: "any call",
    on: ["claude"],
    but: { fails: "404 that names the endpoints which the model has" },
    async run(scene) {
      const error = await failure(ask(scene));
      expect(error).toBeInstanceOf(OpenAI.NotFoundError);
      expect(error).toMatchObject({ code: "endpoint_not_offered", param: "model" });
      expect(error.message).toContain("/v1/chat/completions");
    },
  };
}

const completions: Row[] = [
  {
    does: "whole answer, with usage",
    on: ["openai"],
    async run({ openai, plainModel }) {
      const answer = await openai.completions.create({ model: plainModel, prompt: "Hello" });
      expect(answer.choices[0]).toMatchObject({ text: "Hello there", finish_reason: "stop" });
      expect(answer.usage?.total_tokens).toBe(5);
    },
  },
  {
    does: "stream",
    on: ["openai"],
    async run({ openai, plainModel }) {
      const request = { model: plainModel, prompt: "Hello", stream: true as const };
      const chunks = await Array.fromAsync(await openai.completions.create(request));
      expect(chunks.map(({ choices }) => choices[0]!.text)).toEqual(["Hello", " there"]);
      expect(chunks.every(({ usage }) => !usage)).toBe(true);
    },
  },
  {
    does: "`suffix`, `echo`, `best_of`, `logprobs`",
    on: ["openai"],
    async run({ openai, plainModel, plain }) {
      const more = { suffix: "!", echo: true, best_of: 2, logprobs: 1 };
      await openai.completions.create({ model: plainModel, prompt: [1, 2, 3], ...more });
      expect(plain.calls.at(-1)!.body).toMatchObject({ ...more, prompt: [1, 2, 3] });
    },
  },
  notOffered(({ openai, model }) => openai.completions.create({ model, prompt: "Hello" })),
];

const embeddings: Row[] = [
  {
    does: "one text, in the package's own encoding (base64)",
    on: ["openai"],
    async run({ openai, plainModel, plain }) {
      const { data, usage } = await openai.embeddings.create({ model: plainModel, input: "Hello" });
      expect(plain.calls.at(-1)!.body.encoding_format).toBe("base64");
      expect(data.map(({ embedding }) => embedding)).toEqual([VECTOR]);
      expect(usage.prompt_tokens).toBe(3);
    },
  },
  {
    does: "several texts, as floats",
    on: ["openai"],
    async run({ openai, plainModel }) {
      const { data } = await openai.embeddings.create({
        model: plainModel,
        input: ["Hello", "there"],
        encoding_format: "float",
      });
      expect(data.map(({ index, embedding }) => [index, embedding])).toEqual([
        [0, VECTOR],
        [1, VECTOR],
      ]);
    },
  },
  {
    does: "a server that ignores `encoding_format`",
    on: ["openai"],
    async run({ openai, model }) {
      const { data } = await openai.embeddings.create({ model, input: "embed this" });
      expect(data[0]!.embedding).toEqual([0.25, -1.5, 3]);
    },
  },
  {
    does: "tokens as input, and `dimensions`",
    on: ["openai"],
    async run({ openai, plainModel, plain }) {
      const more = { input: [[1, 2], [3]], dimensions: 3 };
      await openai.embeddings.create({ model: plainModel, ...more });
      expect(plain.calls.at(-1)!.body).toMatchObject(more);
    },
  },
  notOffered(({ openai, model }) => openai.embeddings.create({ model, input: "Hello" })),
];

export const openAiTexts: Feature[] = [
  ...features("openai", Endpoint.completions, completions),
  ...features("openai", Endpoint.embeddings, embeddings),
];

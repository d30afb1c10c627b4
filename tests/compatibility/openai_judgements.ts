/** Rerank and moderations with OpenAI's own package, and endpoints that do not exist yet. */

import { expect } from "bun:test";
import OpenAI, { toFile } from "openai";
import { Endpoint } from "../../protocol/mod.ts";
import { failure } from "./failure.ts";
import { type Feature, features, type Path, type Row } from "./feature.ts";
import { notOffered } from "./openai_texts.ts";
import type { Scene } from "./scene.ts";

interface Ranking {
  results: { index: number; relevance_score: number }[];
  usage: { total_tokens: number };
}

/** The package has no method for this endpoint. */
function rank({ openai }: Pick<Scene, "openai">, model: string, documents: string[]) {
  return openai.post<Ranking>("/rerank", { body: { model, query: "pear", documents, top_n: 2 } });
}

const ranking: Row[] = [
  {
    does: "documents in their order, with usage",
    on: ["openai"],
    async run(scene) {
      const { results, usage } = await rank(scene, scene.judgeModel, ["car", "pear"]);
      expect(results.map(({ index }) => index)).toEqual([1, 0]);
      expect(usage.total_tokens).toBe(7);
      expect(scene.plain.calls.at(-1)!.body).toMatchObject({ model: "local-judge", top_n: 2 });
    },
  },
  {
    does: "a request that the provider rejects",
    on: ["openai"],
    but: { note: "422, in the provider's words" },
    async run(scene) {
      const error = await failure(rank(scene, scene.judgeModel, [""]));
      expect(error).toBeInstanceOf(OpenAI.UnprocessableEntityError);
      expect(error).toMatchObject({ param: "documents" });
    },
  },
  {
    does: "a model that is not listed for reranking",
    on: ["openai"],
    but: { fails: "404 that names the endpoints which the model has" },
    async run(scene) {
      const error = await failure(rank(scene, scene.plainModel, ["car"]));
      expect(error).toMatchObject({ status: 404, code: "endpoint_not_offered" });
    },
  },
  notOffered((scene) => rank(scene, scene.model, ["car"])),
];

const moderating: Row[] = [
  {
    does: "one text and several",
    on: ["openai"],
    async run({ openai, judgeModel: model }) {
      const one = await openai.moderations.create({ model, input: "bad" });
      expect(one.results.map(({ flagged }) => flagged)).toEqual([true]);
      const several = await openai.moderations.create({ model, input: ["good", "bad"] });
      expect(several.results.map(({ flagged }) => flagged)).toEqual([false, true]);
    },
  },
  {
    does: "no `model`",
    on: ["openai", "claude"],
    but: { fails: "400 that names the field" },
    async run({ openai }) {
      const error = await failure(openai.moderations.create({ input: "good" }));
      expect(error).toMatchObject({ status: 400, param: "model" });
    },
  },
  notOffered(({ openai, model }) => openai.moderations.create({ model, input: "good" })),
];

function missing(does: string, ask: (openai: OpenAI, model: string) => PromiseLike<unknown>): Row {
  return {
    does,
    on: ["openai", "claude"],
    but: { fails: "404" },
    async run({ openai, model }) {
      const error = await failure(ask(openai, model));
      expect(error).toBeInstanceOf(OpenAI.NotFoundError);
      expect(error.message).toContain("does not offer this part");
    },
  };
}

const sound = () => toFile(new Uint8Array(8), "sound.wav");
const picture = () => toFile(new Uint8Array(8), "picture.png");

const notThereYet: [Path, Row[]][] = [
  ["/v1/audio", [
    missing(
      "text to speech",
      (openai, model) => openai.audio.speech.create({ model, voice: "alloy", input: "Hello" }),
    ),
    missing(
      "transcription of a file",
      async (openai, model) =>
        await openai.audio.transcriptions.create({ model, file: await sound() }),
    ),
  ]],
  ["/v1/images", [
    missing(
      "image generation",
      (openai, model) => openai.images.generate({ model, prompt: "a cat" }),
    ),
    missing(
      "image edits",
      async (openai, model) =>
        await openai.images.edit({ model, image: await picture(), prompt: "a hat" }),
    ),
  ]],
];

export const openAiJudgements: Feature[] = [
  ...features("openai", Endpoint.rerank, ranking),
  ...features("openai", Endpoint.moderations, moderating),
  ...notThereYet.flatMap(([path, rows]) => features("openai", path, rows)),
];

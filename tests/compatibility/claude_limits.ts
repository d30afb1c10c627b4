/** Chat completion features that Claude lacks: rejected with a reason, or left out. */

import { expect } from "bun:test";
import OpenAI from "openai";
import { Endpoint } from "../../protocol/mod.ts";
import { type Feature, features, type Row } from "./feature.ts";
import { failure } from "./failure.ts";
import { HELLO, Say } from "./stories.ts";

type Part = OpenAI.ChatCompletionContentPart;
type More = Omit<Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>, "stream">;

/** Fields without an equivalent: a 400 that names the field, before any request. */
const refused: [does: string, param: string, more: More][] = [
  ["several choices, `n` above 1", "n", { n: 2 }],
  ["`logprobs`", "logprobs", { logprobs: true }],
  ["audio answers, `modalities`", "modalities", { modalities: ["text", "audio"] }],
  [
    "`input_audio` parts",
    "messages[0].content",
    saying({
      type: "input_audio",
      input_audio: { data: "AAAA", format: "wav" },
    }),
  ],
  [
    "files by `file_id`",
    "messages[0].content",
    saying({
      type: "file",
      file: { file_id: "file-1" },
    }),
  ],
  ["`web_search_options`", "web_search_options", { web_search_options: {} }],
];

/** Fields that are left out, because the answer is valid without them. */
const ignored: [name: string, more: More][] = [
  ["`seed`", { seed: 7 }],
  ["`frequency_penalty` and `presence_penalty`", { frequency_penalty: 1, presence_penalty: 1 }],
  ["`logit_bias`", { logit_bias: { 50256: -100 } }],
  ["`store` and `metadata`", { store: true, metadata: { a: "b" } }],
  ["`prediction` and `verbosity`", {
    prediction: { type: "content", content: "x" },
    verbosity: "low",
  }],
];

function saying(part: Part): More {
  return { messages: [{ role: "user", content: [part, { type: "text", text: Say.hello }] }] };
}

const rows: Row[] = [
  ...refused.map(([does, param, more]): Row => ({
    does,
    on: ["claude"],
    but: { fails: "400 that names the field" },
    async run(scene) {
      const asked = scene.aimock.getRequests().length;
      const error = await failure(scene.openai.chat.completions.create({
        model: scene.model,
        messages: [{ role: "user", content: Say.hello }],
        ...more,
      }));
      expect(error).toBeInstanceOf(OpenAI.BadRequestError);
      expect(String(error.param)).toStartWith(param);
      expect(scene.aimock.getRequests()).toHaveLength(asked);
    },
  })),
  ...ignored.map(([does, more]): Row => ({
    does,
    on: ["claude"],
    but: { note: "left out" },
    async run(scene) {
      const answer = await scene.openai.chat.completions.create({
        model: scene.model,
        messages: [{ role: "user", content: Say.hello }],
        ...more,
      });
      expect(answer.choices[0]!.message.content).toBe(HELLO);
    },
  })),
];

/** The same fields reach an OpenAI-compatible server. */
const passedOn: Row[] = [...refused, ...ignored].map(([does, ...rest]): Row => ({
  does,
  on: ["openai"],
  async run(scene) {
    const more = rest.at(-1) as More;
    await scene.openai.chat.completions.create({
      model: scene.plainModel,
      messages: [{ role: "user", content: Say.hello }],
      ...more,
    });
    expect(scene.plain.calls.at(-1)!.body).toMatchObject(JSON.parse(JSON.stringify(more)));
  },
}));

export const claudeLimits: Feature[] = features("openai", Endpoint.chat, [...rows, ...passedOn]);

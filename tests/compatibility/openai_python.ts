/** OpenAI's Python package: one program runs every step, and each row checks one. */

import { expect } from "bun:test";
import { run } from "../../scripts/program.ts";
import { at } from "../../scripts/root.ts";
import { Endpoint } from "../../protocol/mod.ts";
import { findPython } from "../harness/python.ts";
import { type Feature, features, type Provider, type Row } from "./feature.ts";
import type { Scene } from "./scene.ts";
import { CALLS, HELLO, PERSON, Say } from "./stories.ts";

const { python, missing } = await findPython("openai");

type StepResults = Record<string, unknown>;

/** One run per provider: the program takes a second to start. */
const runs = new Map<Provider, Promise<StepResults>>();

function resultsOf(scene: Scene): Promise<StepResults> {
  const known = runs.get(scene.provider);
  const fresh = known ?? tryAll(scene);
  runs.set(scene.provider, fresh);
  return fresh;
}

async function tryAll({ gateway, apiKey, model }: Scene): Promise<StepResults> {
  const program = at("tests", "compatibility", "openai_python.py");
  const { code, output } = await run([python, program], {
    env: {
      PATH: process.env.PATH,
      BASE_URL: `${gateway}/v1`,
      API_KEY: apiKey,
      MODEL: model,
      SAY: JSON.stringify(Say),
    },
  });
  expect({ code, output }).toMatchObject({ code: 0 });
  return JSON.parse(output) as StepResults;
}

const both = ["openai", "claude"] as const;

/** A row that checks one step's result. */
function row(does: string, step: string, expected: unknown, more: Partial<Row> = {}): Row {
  return {
    does,
    on: both,
    ...more,
    missing,
    async run(scene) {
      expect((await resultsOf(scene))[step]).toEqual(expected);
    },
  };
}

const chat: Row[] = [
  row("whole answer, with usage", "whole", [HELLO, 7]),
  row("stream", "stream", HELLO),
  row(
    "tools, several calls in one answer",
    "helper",
    CALLS.map(({ name, arguments: text }) => [name, text]),
  ),
  row("structured output, in the helper `parse()`", "parse", PERSON),
  row("a truncated stream", "cut", "APIError", {
    but: { note: "an error in the stream, never a silent end" },
  }),
];

const onOpenAi = { on: ["openai"] as const };

export const openAiPython: Feature[] = [
  ...features("openai (Python)", Endpoint.chat, chat),
  ...features("openai (Python)", Endpoint.embeddings, [
    row("several texts, as floats", "embeddings", [0.25, -1.5, 3], onOpenAi),
  ]),
  ...features("openai (Python)", Endpoint.responses, [
    row("whole answer, with usage", "responses", HELLO, onOpenAi),
  ]),
  ...features("openai (Python)", "/v1/models", [row("the list, and one of it", "models", true)]),
];

/** Faults of OpenAI-compatible servers that clients cannot handle, and what callers receive. */

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import type OpenAI from "openai";
import { at } from "../../scripts/root.ts";
import { Endpoint } from "../../protocol/mod.ts";
import { type Behaviour, recite } from "../harness/upstream.ts";
import { failure } from "./failure.ts";
import { type Feature, features, type Row } from "./feature.ts";
import { QUIRKY_MODEL } from "./plain_server.ts";
import type { Scene } from "./scene.ts";

const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m" };

function chunk(delta: object, finish_reason: string | null = null) {
  return { ...head, choices: [{ index: 0, delta, finish_reason }] };
}

const sse = (...payloads: unknown[]) =>
  payloads.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`)
    .join("");

const role = chunk({ role: "assistant", content: "" });
const content = chunk({ content: "Grüße" });
const end = chunk({}, "stop");

const whole = {
  ...head,
  object: "chat.completion",
  choices: [{
    index: 0,
    message: { role: "assistant", content: "Grüße" },
    finish_reason: "stop",
  }],
};

/** The answer gathered by the package's strict helper. */
async function gathered(
  { openai, plain }: Scene,
  behaviour: Behaviour,
): Promise<OpenAI.ChatCompletionMessage> {
  plain.behave(QUIRKY_MODEL, behaviour);
  const { choices } = await openai.chat.completions.stream(request).finalChatCompletion();
  return choices[0]!.message;
}

/** The deltas of the answer, one by one. */
async function streamed(
  { openai, plain }: Scene,
  behaviour: Behaviour,
): Promise<OpenAI.ChatCompletionChunk.Choice.Delta[]> {
  plain.behave(QUIRKY_MODEL, behaviour);
  const stream = await openai.chat.completions.create({ ...request, stream: true });
  return (await Array.fromAsync(stream)).map(({ choices }) => choices[0]!.delta);
}

const request = { model: QUIRKY_MODEL, messages: [{ role: "user" as const, content: "x" }] };

/** Faults that are repaired, so that the strict helper accepts the stream. */
const mended: [does: string, behaviour: Behaviour][] = [
  ["a server that ignores `stream: true`", () => Response.json(whole)],
  ["a stream without a role", recite(sse(content, end, "[DONE]"))],
  ["a stream without `[DONE]`", recite(sse(role, content, end))],
  [
    "a stream with comments, CRLF and named events, a byte at a time",
    recite(
      `: hi\n\nevent: message\n${sse(role, content, end, "[DONE]")}`.replaceAll("\n", "\r\n"),
      1,
    ),
  ],
  [
    "a role on every chunk, usage on the last",
    recite(sse(
      chunk({ role: "assistant", content: "Grüße" }),
      { ...chunk({ role: "assistant" }, "stop"), usage: { total_tokens: 1 } },
      "[DONE]",
    )),
  ],
];

/** Streams that must fail. */
const broken: [does: string, behaviour: Behaviour][] = [
  ["a stream that ends without a `finish_reason`", recite(sse(role, content))],
  ["a stream with an error in it", recite(sse(role, content, { error: { message: "oom" } }))],
  ["a stream with invalid JSON in it", recite(sse(role, content, "{broken"))],
];

const recorded = (name: string) =>
  recite(readFileSync(at("client", "adapter", "recorded", `llamacpp-openai-${name}.sse`), "utf8"));

const rows: Row[] = [
  ...mended.map(([does, behaviour]): Row => ({
    does,
    on: ["openai"],
    but: { note: "repaired" },
    async run(scene) {
      expect(await gathered(scene, behaviour)).toMatchObject({
        role: "assistant",
        content: "Grüße",
      });
    },
  })),
  ...broken.map(([does, behaviour]): Row => ({
    does,
    on: ["openai"],
    but: { note: "an error in the stream, never a silent end" },
    async run(scene) {
      await failure(streamed(scene, behaviour));
    },
  })),
  {
    does: "reasoning under the name `reasoning`",
    on: ["openai"],
    but: { note: "also under `reasoning_content`" },
    async run(scene) {
      const thinking = recite(sse(role, chunk({ reasoning: "hm" }), end, "[DONE]"));
      const deltas = await streamed(scene, thinking);
      expect(deltas[1]).toMatchObject({ reasoning: "hm", reasoning_content: "hm" });
    },
  },
  {
    does: "streams of llama.cpp, as recorded",
    on: ["openai"],
    async run(scene) {
      expect((await gathered(scene, recorded("text"))).content).not.toBe("");
      const calls = (await streamed(scene, recorded("tools")))
        .flatMap(({ tool_calls }) => tool_calls ?? []);
      expect(calls[0]!.function!.name).toBe("get_weather");
      const text = calls.map((call) => call.function!.arguments).join("");
      expect(JSON.parse(text)).toHaveProperty("city");
    },
  },
];

export const serverQuirks: Feature[] = features("openai", Endpoint.chat, rows);

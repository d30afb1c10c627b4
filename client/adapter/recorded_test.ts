import type Anthropic from "@anthropic-ai/sdk";
import { expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import type OpenAI from "openai";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Endpoint } from "../../protocol/mod.ts";
import { type ProviderType, providerTypes } from "./provider_types.ts";
import { callOf, textsOf } from "../testing/adapter_call.ts";
import { eventStream } from "../testing/stub_upstream.ts";
import { realWorld } from "../world.ts";
import { type Adapter, UpstreamFailure } from "./adapter.ts";

/** Recorded answers of real servers, named SERVER-DIALECT-CASE; see recorded/README.md. */
const folder = join(import.meta.dir, "recorded");
const files = readdirSync(folder).filter((name) => /^\w+-(openai|claude)-/.test(name));

/** An answer's content, independent of the dialect. */
interface Answer {
  text: string;
  thinking: string;
  calls: string[];
  isCut: boolean;
  tokens: number;
}

const greeting = "Hello from afar: Grüße, 世界 🙂";
const nothing = { text: "", thinking: "", calls: [] as string[], isCut: false, tokens: 0 };
const weather = ['get_weather {"city":"Zürich"}', "get_time {}"];

const expected: Readonly<Record<string, Answer | number>> = {
  "aimock-claude-refused-400.json": 400,
  "aimock-claude-text.sse": { ...nothing, text: greeting },
  "aimock-claude-thinking.sse": {
    ...nothing,
    text: "It is 54.",
    thinking: "Six by nine, in base ten.",
  },
  "aimock-claude-tools.sse": { ...nothing, calls: weather },
  "aimock-claude-whole.json": { ...nothing, text: greeting },
  "aimock-openai-refused-400.json": 400,
  "aimock-openai-text.sse": { ...nothing, text: greeting, tokens: 8 },
  "aimock-openai-thinking.sse": {
    ...nothing,
    text: "It is 54.",
    thinking: "Six by nine, in base ten.",
    tokens: 3,
  },
  "aimock-openai-tools.sse": { ...nothing, calls: weather, tokens: 10 },
  "aimock-openai-whole.json": { ...nothing, text: greeting, tokens: 8 },
  "llamacpp-openai-length.sse": { ...nothing, text: "hello from one to a", isCut: true },
  "llamacpp-openai-text.sse": {
    ...nothing,
    text: `hello, hello, hello, hello!\n? ${"?\n".repeat(19)}`,
    isCut: true,
  },
  "llamacpp-openai-tools.sse": { ...nothing, calls: ['get_weather {"city":"Zürich,"}'] },
  "llamacpp-openai-whole.json": {
    ...nothing,
    text:
      "hello, hello, hello, how are you?\n najwyemy\nhi, hey, hey, hey, hey, hey, hey, hey, hi." +
      "\n najwywyklucznie\nhi!\n najwyższymy\nhello",
    isCut: true,
    tokens: 48,
  },
};

function adapterOver(file: string, parts: () => Uint8Array[]): Adapter {
  const status = Number(/-(\d{3})\.json$/.exec(file)?.[1] ?? 200);
  const answer = () =>
    file.endsWith(".sse") ? eventStream(parts()) : new Response(Buffer.concat(parts()), {
      status,
      headers: { "content-type": "application/json" },
    });
  const type: ProviderType = file.includes("-openai-") ? "openai" : "claude";
  const world = { ...realWorld, fetch: () => Promise.resolve(answer()) };
  return new providerTypes[type]({}, world);
}

const callers = {
  model: "pro",
  max_tokens: 48,
  stream_options: { include_usage: true },
  messages: [{ role: "user", content: "hi" }],
};

async function textsFrom(file: string, endpoint: Endpoint, parts: () => Uint8Array[]) {
  const call = callOf({
    endpoint,
    model: "claude-sonnet-4-5",
    stream: file.endsWith(".sse"),
    bodyText: JSON.stringify(callers),
  });
  return await Array.fromAsync(textsOf(adapterOver(file, parts).answer(call)));
}

type Said = OpenAI.ChatCompletionChunk.Choice.Delta & { reasoning_content?: string };
interface ChunkOrCompletion {
  choices: { delta?: Said; message?: Said; finish_reason: string | null }[];
  usage?: OpenAI.CompletionUsage;
}

type Decode = (texts: string[]) => Answer;

/** The endpoints that serve a recorded answer, and how each one's answers are read. */
const readers: [Endpoint, Decode][] = [[Endpoint.chat, readChat], [
  Endpoint.messages,
  readMessages,
]];

function readChat(texts: string[]): Answer {
  const all = texts.map((text) => JSON.parse(text) as ChunkOrCompletion);
  const choices = all.flatMap((each) => each.choices);
  const deltas = choices.map(({ delta, message }) => delta ?? message ?? {});
  const names: string[] = [];
  const inputs: string[] = [];
  for (const [i, call] of deltas.flatMap((delta) => delta.tool_calls ?? []).entries()) {
    const at = call.index ?? i;
    names[at] ||= call.function?.name ?? "";
    inputs[at] = (inputs[at] ?? "") + (call.function?.arguments ?? "");
  }
  return {
    text: deltas.map(({ content }) => content ?? "").join(""),
    thinking: deltas.map((delta) => delta.reasoning_content ?? "").join(""),
    calls: names.map((name, i) => `${name} ${compact(inputs[i]!)}`),
    isCut: choices.some(({ finish_reason }) => finish_reason === "length"),
    tokens: all.findLast(({ usage }) => usage)?.usage?.completion_tokens ?? 0,
  };
}

function readMessages(texts: string[]): Answer {
  const all = texts.map((text) => JSON.parse(text) as Anthropic.RawMessageStreamEvent);
  const [whole] = all as unknown as Anthropic.Message[];
  if (whole?.type === "message") return readMessage(whole);
  const message = { content: [] as Anthropic.ContentBlock[], usage: {} } as Anthropic.Message;
  const inputs: string[] = [];
  for (const event of all) {
    if (event.type === "content_block_start") message.content.push(event.content_block);
    if (event.type === "message_delta") {
      message.stop_reason = event.delta.stop_reason;
      message.usage.output_tokens = event.usage.output_tokens;
    }
    if (event.type !== "content_block_delta") continue;
    const { index, delta } = event;
    const block = message.content[index]!;
    if (delta.type === "text_delta" && block.type === "text") block.text += delta.text;
    if (delta.type === "thinking_delta" && block.type === "thinking") {
      block.thinking += delta.thinking;
    }
    if (delta.type === "input_json_delta" && block.type === "tool_use") {
      inputs[index] = (inputs[index] ?? "") + delta.partial_json;
      block.input = inputs[index];
    }
  }
  return readMessage(message);
}

function readMessage({ content, stop_reason, usage }: Anthropic.Message): Answer {
  const joined = (pick: (block: Anthropic.ContentBlock) => string) => content.map(pick).join("");
  return {
    text: joined((block) => block.type === "text" ? block.text : ""),
    thinking: joined((block) => block.type === "thinking" ? block.thinking : ""),
    calls: content.flatMap((block) =>
      block.type === "tool_use" ? [`${block.name} ${compact(block.input)}`] : []
    ),
    isCut: stop_reason === "max_tokens",
    tokens: usage.output_tokens,
  };
}

function compact(input: unknown): string {
  return JSON.stringify(typeof input === "string" ? JSON.parse(input) : input);
}

test("every recorded answer has a test", () => {
  expect(files.toSorted()).toEqual(Object.keys(expected).toSorted());
});

for (const file of files) {
  for (const [endpoint, read] of readers) {
    test(`${file} at ${endpoint} decodes the same whole, byte by byte and in random cuts`, async () => {
      const wire = readFileSync(join(folder, file));
      const answered = (parts: Uint8Array[]) =>
        textsFrom(file, endpoint, () => parts).then(read, (error: unknown) => {
          if (error instanceof UpstreamFailure) return error.code;
          throw error;
        });
      const answer = await answered([wire]);
      expect(answer).toEqual(expected[file]!);
      expect(await answered(Array.from(wire, (byte) => Uint8Array.of(byte)))).toEqual(answer);
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.integer({ min: 1, max: wire.length - 1 }), { maxLength: 30 }),
          async (cuts) => {
            const marks = [0, ...cuts.sort((a, b) => a - b), wire.length];
            const parts = marks.slice(1).map((to, i) => wire.subarray(marks[i], to));
            expect(await answered(parts)).toEqual(answer);
          },
        ),
        { numRuns: 10 },
      );
    });
  }
}

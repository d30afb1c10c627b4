/** Each recorded stream says the same to the official SDKs, read directly and through every bridge, however its bytes are cut. */

import Anthropic from "@anthropic-ai/sdk";
import { expect, test } from "bun:test";
import fc from "../../../tests/harness/fast_check.ts";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { Endpoint } from "../../../protocol/mod.ts";
import { callOf, textsOf } from "../../testing/adapter_call.ts";
import { eventStream } from "../../testing/stub_upstream.ts";
import { realWorld } from "../../world.ts";
import { type Adapter, UpstreamFailure } from "../adapter.ts";
import { ClaudeAdapter } from "../claude.ts";
import { OpenAiAdapter } from "../openai.ts";
import { frameEvent } from "../sse/event_text.ts";

const folder = join(import.meta.dir, "..", "recorded");

const streams = readdirSync(folder).filter((name) => name.endsWith(".sse"));

/** Without streams that fail, and those that only the node understands, not the SDK. */
const names = streams.filter((name) => !/cut-off|error|unnamed|message-start/.test(name));

/** An answer's content in no dialect. */
interface Content {
  text: string;
  reasoning: string;
  calls: [name: string, input: unknown][];
  finish: string;
  usage: [prompt: number, completion: number];
}

type BridgedEndpoint = typeof Endpoint.chat | typeof Endpoint.messages | typeof Endpoint.responses;

const dialectOf = (name: string): BridgedEndpoint =>
  name.includes("claude")
    ? Endpoint.messages
    : name.includes("-openai-")
    ? Endpoint.chat
    : Endpoint.responses;

/** An adapter whose provider has only the recorded answer's endpoint, and sends the answer in these parts. */
function adapterOver(name: string, parts: readonly Uint8Array[]): Adapter {
  const dialect = dialectOf(name);
  const fetch = (url: string) =>
    Promise.resolve(
      `/v1${new URL(url).pathname.slice("/v1".length)}` === dialect
        ? eventStream(parts)
        : new Response("404 page not found", { status: 404 }),
    );
  const options = { base_url: "http://127.0.0.1:9/v1" };
  return dialect === Endpoint.messages
    ? new ClaudeAdapter(options, { ...realWorld, fetch, todayMs: () => 0 })
    : new OpenAiAdapter(options, { ...realWorld, fetch, todayMs: () => 0 });
}

const bodies: Readonly<Record<BridgedEndpoint, object>> = {
  [Endpoint.chat]: {
    messages: [{ role: "user", content: "hi" }],
    stream_options: { include_usage: true },
  },
  [Endpoint.messages]: { max_tokens: 9, messages: [{ role: "user", content: "hi" }] },
  [Endpoint.responses]: { input: "hi" },
};

function callAt(endpoint: BridgedEndpoint, stream: boolean) {
  const bodyText = JSON.stringify({ model: "pro", ...bodies[endpoint] });
  return callOf({ endpoint, model: "m", askedModel: "pro", bodyText, stream });
}

/** The answer as a caller of the endpoint receives it, in its HTTP framing. */
async function answerOf(name: string, endpoint: BridgedEndpoint, stream: boolean) {
  const adapter = adapterOver(name, [readFileSync(join(folder, name))]);
  const texts = await Array.fromAsync(textsOf(adapter.answer(callAt(endpoint, stream))));
  if (!stream) return Response.json(JSON.parse(texts[0]!));
  const done = endpoint === Endpoint.chat ? ["data: [DONE]\n\n"] : [];
  return eventStream([...texts.map((text) => frameEvent(endpoint, text)), ...done]);
}

interface Message {
  content?: string | null;
  refusal?: string | null;
  reasoning_content?: string;
  tool_calls?: { index?: number; function?: { name?: string; arguments?: string } }[] | null;
}

interface ChatPart {
  choices: { delta?: Message; message?: Message; finish_reason: string | null }[];
  usage?: OpenAI.CompletionUsage | null;
}

/** Reads an answer with the endpoint's official SDK. */
const readers: Readonly<
  Record<BridgedEndpoint, (answer: Response, stream: boolean) => Promise<Content>>
> = {
  async [Endpoint.chat](answer, stream) {
    const openai = openAiOver(answer);
    const request = { model: "pro", messages: [] };
    const parts =
      (stream
        ? await Array.fromAsync(await openai.chat.completions.create({ ...request, stream }))
        : [await openai.chat.completions.create(request)]) as ChatPart[];
    const choices = parts.flatMap((part) => part.choices);
    const messages = choices.map(({ delta, message }): Message => delta ?? message ?? {});
    const joined = (pick: (message: Message) => string | null | undefined) =>
      messages.map((message) => pick(message) ?? "").join("");
    const calls: [name: string, text: string][] = [];
    for (const { tool_calls } of messages) {
      tool_calls?.forEach(({ index, function: called }, i) => {
        const call = calls[index ?? i] ??= ["", ""];
        call[0] ||= called?.name ?? "";
        call[1] += called?.arguments ?? "";
      });
    }
    const usage = parts.findLast((part) => part.usage)?.usage;
    return {
      text: joined(({ content }) => content) + joined(({ refusal }) => refusal),
      reasoning: joined(({ reasoning_content }) => reasoning_content),
      calls: calls.map(([name, text]) => [name, JSON.parse(text)]),
      finish: choices.findLast((choice) => choice.finish_reason)!.finish_reason!,
      usage: [usage?.prompt_tokens ?? 0, usage?.completion_tokens ?? 0],
    };
  },
  async [Endpoint.messages](answer, stream) {
    const anthropic = new Anthropic({
      apiKey: "k",
      maxRetries: 0,
      fetch: () => Promise.resolve(answer),
    });
    const request = { model: "pro", max_tokens: 9, messages: [] };
    const { content, stop_reason, stop_details, usage } = stream
      ? await anthropic.messages.stream(request).finalMessage()
      : await anthropic.messages.create(request);
    const text = content.map((block) => block.type === "text" ? block.text : "").join("");
    const explanation = stop_details?.explanation ?? "";
    return {
      text: text.includes(explanation) ? text : text + explanation,
      reasoning: content.map((block) => block.type === "thinking" ? block.thinking : "").join(""),
      calls: content.flatMap((block) =>
        block.type === "tool_use" ? [[block.name, block.input] as [string, unknown]] : []
      ),
      finish: finishes[stop_reason ?? ""] ?? "stop",
      usage: [
        usage.input_tokens + (usage.cache_read_input_tokens ?? 0) +
        (usage.cache_creation_input_tokens ?? 0),
        usage.output_tokens,
      ],
    };
  },
  async [Endpoint.responses](answer, stream) {
    const openai = openAiOver(answer);
    const request = { model: "pro", input: "hi" };
    const response = stream
      ? await openai.responses.stream(request).finalResponse()
      : await openai.responses.create(request);
    const { output, usage, incomplete_details: details } = response;
    const parts = output.flatMap((item) => item.type === "message" ? item.content : []);
    const calls = output.flatMap((item) =>
      item.type === "function_call"
        ? [[item.name, JSON.parse(item.arguments)] as [string, unknown]]
        : []
    );
    const refusal = parts.some(({ type }) => type === "refusal");
    return {
      text: parts.map((part) => part.type === "output_text" ? part.text : refusalOf(part)).join(""),
      reasoning: output.flatMap((item) => item.type === "reasoning" ? item.summary : [])
        .map(({ text }) => text).join(""),
      calls,
      finish: details?.reason === "max_output_tokens"
        ? "length"
        : refusal || details?.reason === "content_filter"
        ? "content_filter"
        : calls.length > 0
        ? "tool_calls"
        : "stop",
      usage: [usage?.input_tokens ?? 0, usage?.output_tokens ?? 0],
    };
  },
};

const finishes: Readonly<Record<string, string>> = {
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

function refusalOf(part: { type: string; refusal?: string }): string {
  return part.refusal ?? "";
}

function openAiOver(answer: Response): OpenAI {
  return new OpenAI({ apiKey: "k", maxRetries: 0, fetch: () => Promise.resolve(answer) });
}

for (const name of names) {
  const dialect = dialectOf(name);
  const others = [Endpoint.chat, Endpoint.messages, Endpoint.responses]
    .filter((endpoint) => endpoint !== dialect);
  test(`${name} says the same directly, relayed and bridged, streamed and whole`, async () => {
    const direct = await readers[dialect](
      eventStream([readFileSync(join(folder, name))]),
      true,
    );
    for (const endpoint of [dialect, ...others]) {
      for (const stream of [true, false]) {
        const answer = await answerOf(name, endpoint, stream);
        const content = await readers[endpoint](answer, stream);
        expect([endpoint, stream, content]).toEqual([endpoint, stream, direct]);
      }
    }
  });
}

/** In the soak, each single cut is tried, and more of several at a time. */
const isSoak = process.env.COLINK_TEST_PROPERTY_RUNS !== undefined;
const SAMPLE = isSoak ? { numRuns: 100 } : { seed: 12, numRuns: 5 };

/** Generated ids, which are random. */
const GENERATED_ID = /[0-9a-f]{16,}|[0-9a-f]{8}-[0-9a-f-]{20,}/g;

/** What a caller gets of the stream in these parts, its end or failure included. */
async function receivedFrom(name: string, endpoint: BridgedEndpoint, parts: Uint8Array[]) {
  const received: string[] = [];
  try {
    const answer = adapterOver(name, parts).answer(callAt(endpoint, true));
    for await (const text of textsOf(answer)) received.push(text);
  } catch (failure) {
    if (!(failure instanceof UpstreamFailure)) throw failure;
    received.push(`${failure.code} ${failure.message}`);
  }
  const ids = new Map<string, number>();
  return received.join("\n").replaceAll(GENERATED_ID, (id) => {
    if (!ids.has(id)) ids.set(id, ids.size);
    return `id-${ids.get(id)}`;
  });
}

function cutAt(wire: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const marks = [0, ...[...cuts].sort((a, b) => a - b), wire.length];
  return marks.slice(1).map((to, i) => wire.subarray(marks[i], to));
}

for (const name of streams) {
  test(`${name} gives each endpoint's callers the same, wherever its bytes are cut`, async () => {
    const wire = new Uint8Array(readFileSync(join(folder, name)));
    for (const endpoint of [Endpoint.chat, Endpoint.messages, Endpoint.responses] as const) {
      const whole = await receivedFrom(name, endpoint, [wire]);
      const expectSame = async (cuts: readonly number[]) =>
        expect([endpoint, cuts, await receivedFrom(name, endpoint, cutAt(wire, cuts))])
          .toEqual([endpoint, cuts, whole]);
      const everywhere = Array.from({ length: wire.length - 1 }, (_, i) => i + 1);
      await expectSame(everywhere);
      if (isSoak) { for (const cut of everywhere) await expectSame([cut]); }
      const cuts = fc.uniqueArray(fc.integer({ min: 1, max: wire.length - 1 }), { maxLength: 4 });
      await fc.assert(fc.asyncProperty(cuts, expectSame), SAMPLE);
    }
  });
}

import { describe, expect, test } from "bun:test";
import fc from "../../../tests/harness/fast_check.ts";
import OpenAI from "openai";
import { Endpoint } from "../../../protocol/mod.ts";
import { responseEventShape, responseShape } from "../../testing/responses_shapes.ts";
import { eventStream } from "../../testing/stub_upstream.ts";
import { type AnswerEvent, type EndReason, gatherAnswer } from "../bridge/answer_event.ts";
import type { Json } from "../json_object.ts";
import { toJsonText } from "../raw_json.ts";
import { frameEvent } from "../sse/event_text.ts";
import { ResponseAnswerWriter, responseOf, type ResponseTerms } from "./answer_writer.ts";
import { unsealThinking } from "./sealed_thinking.ts";

const usage = {
  promptTokens: 140,
  completionTokens: 57,
  cachedTokens: 40,
  cacheWriteTokens: 10,
  reasoningTokens: 12,
};
const start: AnswerEvent = { type: "start", id: "x" };
const cost: AnswerEvent = { type: "usage", usage };
const end = (reason: EndReason = "stop", explanation: string | null = null): AnswerEvent => ({
  type: "end",
  reason,
  stopSequence: null,
  explanation,
});
const call = (index: number, name = "f", isCustom = false): AnswerEvent => ({
  type: "call",
  call: index,
  id: `call_${index}`,
  name,
  isCustom,
});
const args = (index: number, text: string): AnswerEvent => ({
  type: "arguments",
  call: index,
  text,
});
const text = (text: string): AnswerEvent => ({ type: "text", text });

function terms(body: object = {}): ResponseTerms {
  let ids = 0;
  return { model: "pro", created: 1, bodyText: JSON.stringify(body), newId: () => `new${ids++}` };
}

/** The events of a stream, each checked against the exact shape. */
function written(events: AnswerEvent[], body: object = {}): Json[] {
  const writer = new ResponseAnswerWriter(terms(body));
  return events.flatMap((event) => writer.write(event)).map((event) => {
    const parsed = JSON.parse(toJsonText(event)) as Json;
    responseEventShape.parse(parsed);
    return parsed;
  });
}

async function whole(events: AnswerEvent[], body: object = {}): Promise<OpenAI.Responses.Response> {
  const answer = await gatherAnswer(iterate(events));
  const response = JSON.parse(toJsonText(responseOf(answer, terms(body))));
  responseShape.parse(response);
  return response;
}

async function* iterate(events: AnswerEvent[]): AsyncIterable<AnswerEvent> {
  for await (const event of events) yield event;
}

/** Gathers the stream's events with the package's strict helper. */
async function gathered(events: Json[]): Promise<OpenAI.Responses.Response> {
  const wire = events.map((event) => frameEvent(Endpoint.responses, JSON.stringify(event)));
  const openai = new OpenAI({
    apiKey: "k",
    maxRetries: 0,
    fetch: () => Promise.resolve(eventStream([wire.join("")])),
  });
  return await openai.responses.stream({ model: "pro", input: "hi" }).finalResponse();
}

const types = (events: Json[]) => events.map(({ type }) => String(type).replace("response.", ""));
const last = (events: Json[]) => events.at(-1)!.response as Json;

test("text comes as one item with one part, between the events of the response", () => {
  const events = written([start, text("Hel"), text("lo"), cost, end()]);
  expect(types(events)).toEqual([
    "created",
    "in_progress",
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
    "completed",
  ]);
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual([...events.keys()]);
  const id = "msg_new1";
  expect(events[2]).toMatchObject({ output_index: 0, item: { id, content: [] } });
  expect(events[4]).toMatchObject({ item_id: id, output_index: 0, delta: "Hel" });
  expect(events[6]).toMatchObject({ item_id: id, text: "Hello" });
  expect(last(events)).toMatchObject({
    status: "completed",
    output: [{ id, status: "completed", content: [{ type: "output_text", text: "Hello" }] }],
  });
});

test("reasoning, text and parallel calls are consecutive items, even if they come interleaved", () => {
  const events = written([
    start,
    { type: "reasoning", text: "Hm." },
    text("On it."),
    call(0, "f"),
    args(0, '{"x":'),
    call(1, "g"),
    args(1, '{"y":2}'),
    args(0, "1}"),
    end("calls"),
  ]);
  const output = last(events).output as Json[];
  expect(output).toMatchObject([
    { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }] },
    { type: "message" },
    { type: "function_call", call_id: "call_0", name: "f", arguments: '{"x":1}' },
    { type: "function_call", call_id: "call_1", name: "g", arguments: '{"y":2}' },
  ]);
  const items = events.filter(({ type }) => String(type).includes("output_item"));
  expect(items.map(({ output_index }) => output_index)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  expect(types(events).filter((type) => type.includes("arguments"))).toEqual([
    "function_call_arguments.delta",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "function_call_arguments.delta",
    "function_call_arguments.done",
  ]);
});

test("a free-text tool's call has its text as input", () => {
  const events = written([start, call(0, "patch", true), args(0, "*** Begin"), end("calls")]);
  expect(events.at(-2)).toMatchObject({
    item: { type: "custom_tool_call", call_id: "call_0", name: "patch", input: "*** Begin" },
  });
  expect(types(events)).toContain("custom_tool_call_input.done");
});

test("a call without an id is given one, the same in all of its events", () => {
  const events = written([
    start,
    { ...call(0), id: "" } as AnswerEvent,
    args(0, "{}"),
    end("calls"),
  ]);
  const ids = events.flatMap(({ item }) => item ? [(item as Json).call_id] : []);
  expect(ids[0]).toMatch(/^call_new/);
  expect(ids[1]).toBe(ids[0]);
});

describe("a response ends", () => {
  const cases: [name: string, events: AnswerEvent[], expected: object][] = [
    ["completed after a stop", [text("a"), end("stop")], {
      status: "completed",
      incomplete_details: null,
    }],
    ["completed after calls", [call(0), args(0, "{}"), end("calls")], { status: "completed" }],
    ["incomplete at its limit, with its last item", [text("a"), end("length")], {
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output: [{ status: "incomplete" }],
    }],
    ["completed with a refusal that the model gave", [
      { type: "refusal", text: "No." },
      end("refusal"),
    ], { status: "completed", output: [{ content: [{ type: "refusal", refusal: "No." }] }] }],
    ["completed with the provider's explanation of a refusal", [
      text("I"),
      end("refusal", "Not this."),
    ], { output: [{}, { content: [{ type: "refusal", refusal: "Not this." }] }] }],
    ["incomplete at a content filter", [text("a"), end("refusal")], {
      status: "incomplete",
      incomplete_details: { reason: "content_filter" },
    }],
  ];
  for (const [name, events, expected] of cases) {
    test(name, async () => {
      const stream = written([start, ...events]);
      expect(last(stream)).toMatchObject(expected);
      expect(String(stream.at(-1)!.type)).toBe(`response.${last(stream).status}`);
      expect(await whole([start, ...events])).toMatchObject(expected);
    });
  }
});

test("usage counts cached tokens as part of the input, and is null if none is reported", () => {
  expect(last(written([start, cost, end()])).usage).toEqual({
    input_tokens: 140,
    input_tokens_details: { cached_tokens: 40, cache_write_tokens: 10 },
    output_tokens: 57,
    output_tokens_details: { reasoning_tokens: 12 },
    total_tokens: 197,
  });
  expect(last(written([start, end()])).usage).toBeNull();
});

test("signed thinking is sealed in its reasoning item, redacted thinking in one of its own", async () => {
  const signed = { type: "thinking", thinking: "Hm.", signature: "s" };
  const redacted = { type: "redacted_thinking", data: "d" };
  const events: AnswerEvent[] = [
    start,
    { type: "reasoning", text: "Hm." },
    { type: "thinking", block: signed },
    { type: "thinking", block: redacted },
    text("a"),
    end(),
  ];
  for (const { output } of [last(written(events)), await whole(events)]) {
    const [first, second] = output as { summary: unknown[]; encrypted_content: string }[];
    expect(unsealThinking(first!.encrypted_content)).toEqual([signed]);
    expect(unsealThinking(second!.encrypted_content)).toEqual([redacted]);
    expect([first!.summary.length, second!.summary.length]).toEqual([1, 0]);
  }
});

test("web citations are part of the text that they cite", async () => {
  const citation = { url: "https://a.b", title: "T", start: 6, end: 9 };
  const { output } = await whole([
    start,
    text("before"),
    call(0),
    args(0, "{}"),
    text("web"),
    { type: "citation", citation },
    end(),
  ]);
  const texts = output.flatMap((item) => item.type === "message" ? item.content : []);
  expect(texts).toMatchObject([
    { annotations: [] },
    { annotations: [{ url: "https://a.b", start_index: 0, end_index: 3 }] },
  ]);
});

test("the response repeats the request's own fields exactly, with defaults for the rest", () => {
  const bodyText = '{"tools":[{"type":"function","parameters":{ "2":9007199254740993,"1":1.0 }}],' +
    '"metadata":{"a":"b"},"temperature":0.5}';
  const writer = new ResponseAnswerWriter({ ...terms(), bodyText });
  const [created] = writer.write(start).map(toJsonText);
  expect(created).toContain('"parameters":{ "2":9007199254740993,"1":1.0 }');
  expect(JSON.parse(created!).response).toMatchObject({
    metadata: { a: "b" },
    temperature: 0.5,
    top_p: 1,
    tool_choice: "auto",
    instructions: null,
    store: false,
  });
});

const anyText = fc.string({ minLength: 1, maxLength: 8 });
const anyEvent: fc.Arbitrary<AnswerEvent[]> = fc.oneof(
  fc.record({ type: fc.constantFrom("text" as const, "reasoning" as const), text: anyText })
    .map((event) => [event]),
  fc.record({ type: fc.constant("refusal" as const), text: anyText }).map((event) => [event]),
);

test(
  "any answer is gathered without loss by the package's helper, and is the same whole",
  async () => {
    const inputs = fc.array(fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 }), {
      maxLength: 3,
    });
    const reason = fc.constantFrom<EndReason[]>("stop", "length", "calls");
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyEvent, { maxLength: 8 }),
        inputs,
        reason,
        async (content, inputs, reason) => {
          const calls = inputs.map((
            input,
            i,
          ) => [call(i, `f${i}`), args(i, JSON.stringify(input))]);
          const events = [start, ...content.flat(), ...calls.flat(), cost, end(reason)];
          const response = await gathered(written(events));
          const same = await whole(events);
          const plain = ({ output, status, usage }: OpenAI.Responses.Response) => ({
            status,
            usage,
            output: output.map((item) => ({ ...item, id: "", parsed_arguments: null })),
          });
          const unparsed = JSON.parse(
            JSON.stringify(
              plain(response),
              (key, value) => key === "parsed" || key === "parsed_arguments" ? undefined : value,
            ),
          );
          expect(unparsed).toEqual(
            JSON.parse(
              JSON.stringify(
                plain(same),
                (key, value) => key === "parsed_arguments" ? undefined : value,
              ),
            ),
          );
          const joined = (type: string) =>
            content.flat().map((event) => event.type === type && "text" in event ? event.text : "")
              .join("");
          expect(response.output_text).toBe(joined("text"));
          const found = response.output.flatMap((item) =>
            item.type === "function_call" ? [JSON.parse(item.arguments)] : []
          );
          expect(found).toEqual(inputs);
        },
      ),
      { numRuns: 100 },
    );
  },
  30_000,
);

test("a call of a tool in a namespace names both, as the caller did", async () => {
  const tool = {
    ...anyTool,
    name: "agents__spawn",
    member: { namespace: "agents", name: "spawn" },
  };
  const request = { tools: [{ ...anyTool, name: "f" }, tool] };
  const events = [
    start,
    call(0, "f"),
    args(0, "{}"),
    call(1, tool.name),
    args(1, "{}"),
    end("calls"),
  ];
  const response = responseOf(await gatherAnswer(iterate(events)), { ...terms(), request });
  const writer = new ResponseAnswerWriter({ ...terms(), request });
  const items = events.flatMap((event) => writer.write(event))
    .filter(({ type }) => type === "response.output_item.done")
    .map(({ item }) => item);
  for (const output of [response.output, items]) {
    expect(output).toMatchObject([
      { type: "function_call", name: "f" },
      { type: "function_call", name: "spawn", namespace: "agents" },
    ]);
    expect((output as Json[])[0]).not.toHaveProperty("namespace");
  }
});

const anyTool = {
  description: null,
  schema: null,
  isStrict: false,
  isCustom: false,
  param: "tools[0]",
};

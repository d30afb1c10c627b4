import Anthropic from "@anthropic-ai/sdk";
import { expect, test } from "bun:test";
import fc from "../../../tests/harness/fast_check.ts";
import { Endpoint } from "../../../protocol/mod.ts";
import type { AnswerEvent } from "../bridge/answer_event.ts";
import { frameEvent } from "../sse/event_text.ts";
import { eventShape } from "../../testing/anthropic_shapes.ts";
import { eventStream } from "../../testing/stub_upstream.ts";
import { ChatAnswerReader, type ChatChunk } from "../chat/answer_reader.ts";
import { ChunkStream } from "../openai/chunk_stream.ts";
import { toJsonText } from "../raw_json.ts";
import { MessageAnswerWriter } from "./answer_writer.ts";

/** Encodes a stream of chunks, and checks each event against the exact shape. */
function eventsOf(chunks: ChatChunk[], stops: string[] = []): Anthropic.RawMessageStreamEvent[] {
  const { write, end } = encoder(stops);
  return [...chunks.flatMap(write), ...end()];
}

/** Translates chunks one by one, as the relay repairs them. */
function encoder(stops: string[] = []) {
  let ids = 0;
  const relay = new ChunkStream("chat");
  const reader = new ChatAnswerReader({ stops, customNames: new Set() });
  const writer = new MessageAnswerWriter({ model: "pro", newId: () => `new${ids++}` });
  const written = (events: AnswerEvent[]) =>
    events.flatMap((event) => writer.write(event)).map((event) => {
      const parsed: Anthropic.RawMessageStreamEvent = JSON.parse(toJsonText(event));
      eventShape.parse(parsed);
      return parsed;
    });
  return {
    write: (chunk: ChatChunk) => {
      const text = JSON.stringify(chunk);
      return written(reader.read(JSON.parse(relay.pass(text, JSON.parse(text)))));
    },
    end: () => written(reader.end()),
  };
}

const chunk = (delta: object, more: object = {}): ChatChunk => ({
  id: "chatcmpl-1",
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});
const role = chunk({ role: "assistant", content: "" });
const end = (finish_reason: string, more: object = {}) => chunk({}, { finish_reason, ...more });
const opener = (index: number, id: string, name: string, text = "") =>
  chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: text } }] });
const args = (index: number, text: string) =>
  chunk({ tool_calls: [{ index, function: { arguments: text } }] });
const cost: ChatChunk = {
  id: "chatcmpl-1",
  choices: [],
  usage: {
    prompt_tokens: 140,
    completion_tokens: 57,
    prompt_tokens_details: { cached_tokens: 40, cache_write_tokens: 10 },
    completion_tokens_details: { reasoning_tokens: 12 },
  },
};

/** Events in short: starts, deltas, ends. */
function brief(events: Anthropic.RawMessageStreamEvent[]): unknown[] {
  return events.map((event) => {
    switch (event.type) {
      case "content_block_start":
        return [
          event.index,
          event.content_block.type,
          "name" in event.content_block ? event.content_block.name : "",
        ];
      case "content_block_delta":
        return [event.index, Object.values(event.delta).at(-1)];
      case "content_block_stop":
        return event.index;
      case "message_delta":
        return event.delta.stop_reason;
      default:
        return event.type;
    }
  });
}

test("thinking, text and two tools become consecutive blocks", () => {
  const events = eventsOf([
    role,
    chunk({ reasoning_content: "Plan." }),
    chunk({ content: "On it." }),
    opener(0, "call_A", "get_weather"),
    args(0, '{"city":'),
    args(0, '"SF"}'),
    opener(1, "call_B", "now"),
    end("tool_calls"),
    cost,
  ]);
  expect(brief(events)).toEqual([
    "message_start",
    [0, "thinking", ""],
    [0, "Plan."],
    0,
    [1, "text", ""],
    [1, "On it."],
    1,
    [2, "tool_use", "get_weather"],
    [2, '{"city":'],
    [2, '"SF"}'],
    2,
    [3, "tool_use", "now"],
    [3, "{}"],
    3,
    "tool_use",
    "message_stop",
  ]);
  expect(events[0]).toMatchObject({ message: { id: "msg_1", model: "pro" } });
});

test("usage comes with the end, cached tokens apart; without usage it is zero", () => {
  const usageIn = (chunks: ChatChunk[]) =>
    eventsOf(chunks).find((event) => event.type === "message_delta")!.usage;
  expect(usageIn([role, end("stop"), cost])).toEqual({
    input_tokens: 90,
    output_tokens: 57,
    cache_read_input_tokens: 40,
    cache_creation_input_tokens: 10,
    output_tokens_details: { thinking_tokens: 12 },
    server_tool_use: null,
  });
  expect(usageIn([role, end("stop")])).toMatchObject({ input_tokens: 0, output_tokens: 0 });
});

test("every finish_reason is mapped to a stop_reason", () => {
  const stopReason = (...chunks: ChatChunk[]) => brief(eventsOf([role, ...chunks])).at(-2);
  expect(stopReason(end("stop"))).toBe("end_turn");
  expect(stopReason(end("length"))).toBe("max_tokens");
  expect(stopReason(end("content_filter"))).toBe("refusal");
  expect(stopReason(end("brand_new"))).toBe("max_tokens");
  expect(stopReason(opener(0, "a", "f", "{}"), end("tool_calls"))).toBe("tool_use");
  // Some servers confuse the two: actual calls decide.
  expect(stopReason(opener(0, "a", "f", "{}"), end("stop"))).toBe("tool_use");
  expect(stopReason(end("tool_calls"))).toBe("end_turn");
  expect(stopReason(opener(0, "a", "f", '{"cut'), end("length"))).toBe("max_tokens");
});

test("the stop sequence is named if the provider reports one that the caller gave", () => {
  const delta = (stop_reason: unknown) =>
    eventsOf([role, end("stop", { stop_reason })], ["END"]).at(-2);
  expect(delta("END")).toMatchObject({
    delta: { stop_reason: "stop_sequence", stop_sequence: "END" },
  });
  expect(delta(128_009)).toMatchObject({ delta: { stop_reason: "end_turn", stop_sequence: null } });
});

test("a refusal is text, and explains the end", () => {
  const events = eventsOf([role, chunk({ refusal: "I " }), chunk({ refusal: "won't." })]);
  expect(brief(events)).toContainEqual([0, "won't."]);
  expect(events.at(-2)).toMatchObject({
    delta: {
      stop_reason: "refusal",
      stop_details: { type: "refusal", category: null, explanation: "I won't." },
    },
  });
});

test("a tool call that begins while another is incomplete waits for it", () => {
  const events = eventsOf([
    opener(0, "a", "f", '{"x":'),
    opener(1, "b", "g", '{"y":'),
    args(0, "1}"),
    args(1, "2}"),
    chunk({ content: "done" }),
    end("tool_calls"),
  ]);
  expect(brief(events).slice(1, -2)).toEqual([
    [0, "tool_use", "f"],
    [0, '{"x":'],
    [0, "1}"],
    0,
    [1, "tool_use", "g"],
    [1, '{"y":'],
    [1, "2}"],
    1,
    [2, "text", ""],
    [2, "done"],
    2,
  ]);
});

test("input that is no JSON object is wrapped into one", () => {
  const events = eventsOf([opener(0, "a", "f", "[1"), args(0, "]"), end("tool_calls")]);
  expect(brief(events)).toContainEqual([0, '{"value":[1]}']);
});

test("calls that share an index are distinguished by their ids", () => {
  const events = eventsOf([opener(0, "a", "f", "{}"), opener(0, "b", "g", "{}"), end("stop")]);
  expect(brief(events)).toContainEqual([1, "tool_use", "g"]);
});

test("missing ids are generated, and invalid ones sanitised", () => {
  const calls = [{ function: { name: "f", arguments: "{}" } }, {
    index: 1,
    id: "Bash:0",
    function: { name: "g", arguments: "{}" },
  }];
  const events = eventsOf([{ choices: [{ delta: { tool_calls: calls } }] }, end("tool_calls")]);
  expect(events[0]).toMatchObject({ message: { id: "msg_new0" } });
  const ids = events.flatMap((event) =>
    event.type === "content_block_start" && event.content_block.type === "tool_use"
      ? [event.content_block.id]
      : []
  );
  expect(ids[0]).toMatch(/^call_[0-9a-f]{32}$/);
  expect(ids[1]).toMatch(/^Bash_0_\w+$/);
});

test("an empty answer is a message without content", () => {
  expect(brief(eventsOf([role, end("stop")]))).toEqual([
    "message_start",
    "end_turn",
    "message_stop",
  ]);
});

test("interleaved calls beyond the queue's bound are a failure", () => {
  const { write } = encoder();
  write(opener(0, "a", "f", "{"));
  write(opener(1, "b", "g", "{"));
  const large = args(1, "x".repeat(1 << 20));
  expect(() => {
    for (let i = 0; i < 6; i++) write(large);
  }).toThrow("too large");
});

/** A delta of an answer: text, thinking, or part of the n-th call's input. */
type Word = { kind: "content" | "reasoning_content"; text: string } | {
  kind: "tool";
  call: number;
};

interface Answer {
  words: Word[];
  inputs: Record<string, unknown>[];
  finish: string;
}

/** Values that JSON round-trips: no −0, and no `__proto__` key. */
const anyInput = fc.dictionary(
  fc.string().filter((key) => key !== "__proto__"),
  fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string())),
  { maxKeys: 2, noNullPrototype: true },
);

const anyAnswer: fc.Arbitrary<Answer> = fc.record({
  words: fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constantFrom("content" as const, "reasoning_content" as const),
        text: fc.string(),
      }),
      fc.record({ kind: fc.constant("tool" as const), call: fc.nat(3) }),
    ),
    { maxLength: 16 },
  ),
  inputs: fc.array(anyInput, { minLength: 4, maxLength: 4 }),
  finish: fc.constantFrom("stop", "length", "tool_calls", "content_filter", "brand_new"),
});

/** Chunks that split each call's input into as many pieces as it has words, interleaved. */
function chunksOf({ words, inputs, finish }: Answer): ChatChunk[] {
  const left = inputs.map((input) => JSON.stringify(input));
  const begun = new Set<number>();
  const deltas = words.map((word) => {
    if (word.kind !== "tool") return chunk({ [word.kind]: word.text });
    const { call } = word;
    if (!begun.has(call)) {
      begun.add(call);
      return opener(call, `call_${call}`, `f${call}`);
    }
    const piece = left[call]!.slice(0, 3);
    left[call] = left[call]!.slice(3);
    return args(call, piece);
  });
  const rest = [...begun].map((call) => args(call, left[call]!));
  return [role, ...deltas, ...rest, end(finish), cost];
}

test(
  "any legal stream of chunks becomes events that Anthropic's SDK gathers without loss",
  async () => {
    await fc.assert(
      fc.asyncProperty(anyAnswer, async (answer) => {
        const events = eventsOf(chunksOf(answer));
        const wire = events.map((event) => frameEvent(Endpoint.messages, JSON.stringify(event)));
        const sdk = new Anthropic({
          apiKey: "k",
          maxRetries: 0,
          fetch: () => Promise.resolve(eventStream([wire.join("")])),
        });
        const message = await sdk.messages.stream({
          model: "pro",
          max_tokens: 5,
          messages: [{ role: "user", content: "hi" }],
        }).finalMessage();
        const joined = (kind: string) =>
          answer.words.map((word) => word.kind === kind && "text" in word ? word.text : "").join(
            "",
          );
        const blocks = message.content;
        expect(blocks.map((block) => block.type === "text" ? block.text : "").join("")).toBe(
          joined("content"),
        );
        expect(blocks.map((block) => block.type === "thinking" ? block.thinking : "").join(""))
          .toBe(
            joined("reasoning_content"),
          );
        const called = new Map(
          blocks.flatMap((block) => block.type === "tool_use" ? [[block.name, block.input]] : []),
        );
        const wanted = answer.words.flatMap((word) => word.kind === "tool" ? [word.call] : []);
        expect(called).toEqual(new Map(wanted.map((call) => [`f${call}`, answer.inputs[call]!])));
        expect(message.usage).toMatchObject({ input_tokens: 90, output_tokens: 57 });
      }),
      { numRuns: 100 },
    );
  },
  30_000,
);

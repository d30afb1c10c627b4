import { expect, test } from "bun:test";
import type { ChatChunk, FinishReason } from "../chat/shapes.ts";
import { ChatAnswerWriter, type ChatTerms } from "../chat/answer_writer.ts";
import { parseEvent } from "./claude_upstream.ts";
import { ClaudeAnswerReader, type ReaderOptions } from "./answer_reader.ts";
import type { Block, ClaudeEvent } from "./wire.ts";

/** Returns the chunks of a stream of events, and the thinking that was remembered. */
function decode(events: object[], change: Partial<ReaderOptions & ChatTerms> = {}) {
  const remembered: [string, readonly Block[]][] = [];
  const reader = new ClaudeAnswerReader({
    localModel: "claude-opus-5",
    customNames: new Set(),
    jsonTool: null,
    remember: (id, thinking) => remembered.push([id, [...thinking]]),
    ...change,
  });
  const writer = new ChatAnswerWriter({
    model: "pro",
    created: 1,
    includeUsage: false,
    wantsThinking: false,
    newId: () => "new",
    ...change,
  });
  const read = events.flatMap((event) => reader.read(event as ClaudeEvent));
  const chunks = read.flatMap((event) => writer.write(event));
  return { chunks, remembered };
}

const deltas = (chunks: ChatChunk[]) =>
  chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));

const begin = { type: "message_start", message: { id: "msg_1", usage: { input_tokens: 3 } } };
const stop = { type: "message_stop" };
const open = (index: number, content_block: object) => ({
  type: "content_block_start",
  index,
  content_block,
});
const delta = (index: number, type: string, rest: object) => ({
  type: "content_block_delta",
  index,
  delta: { type, ...rest },
});
const close = (index: number) => ({ type: "content_block_stop", index });
const ending = (stop_reason: string | null, usage: object = {}) => ({
  type: "message_delta",
  delta: { stop_reason },
  usage,
});
const role = { role: "assistant" as const, content: "" };

test("every chunk has the message's id, the requested model and the same time", () => {
  const { chunks } = decode([begin, open(0, { type: "text", text: "" }), stop]);
  for (const { id, model, created, object } of chunks) {
    expect([id, model, created, object]).toEqual([
      "chatcmpl-msg_1",
      "pro",
      1,
      "chat.completion.chunk",
    ]);
  }
});

test("every stop_reason is mapped to a finish_reason, unknown ones to length", () => {
  const finish = (reason: string | null) =>
    decode([begin, open(0, { type: "tool_use", id: "t", name: "f" }), ending(reason), stop])
      .chunks.at(-1)!.choices[0]!.finish_reason;
  const reasons: [string, FinishReason][] = [
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["pause_turn", "stop"],
    ["tool_use", "tool_calls"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["refusal", "content_filter"],
    ["compaction", "stop"],
    ["brand_new", "length"],
    ["toString", "length"],
  ];
  for (const [reason, expected] of reasons) expect(finish(reason)).toBe(expected);
  expect(finish(null)).toBe("stop");
});

test("a refusal's explanation precedes its end", () => {
  const refused = {
    type: "message_delta",
    delta: { stop_reason: "refusal", stop_details: { explanation: "No." } },
  };
  const { chunks } = decode([begin, refused, stop]);
  expect(deltas(chunks)).toEqual([role, { refusal: "No." }, {}]);
});

test("text in a block's start event is emitted; pings and unknown events are not", () => {
  const { chunks } = decode([
    begin,
    { type: "ping" },
    { type: "brand_new" },
    open(0, { type: "text", text: "a" }),
    delta(0, "brand_new_delta", { text: "x" }),
    delta(0, "text_delta", { text: "b" }),
    delta(0, "thinking_delta", { thinking: "in the wrong block" }),
    delta(7, "text_delta", { text: "of no block" }),
    close(0),
    stop,
  ]);
  expect(deltas(chunks)).toEqual([role, { content: "a" }, { content: "b" }, {}]);
});

test("tool calls are numbered among themselves, regardless of the blocks between them", () => {
  const tool = (id: string) => ({ type: "tool_use", id, name: "f", input: {} });
  const { chunks } = decode([
    begin,
    open(0, { type: "thinking", thinking: "" }),
    open(1, tool("a")),
    close(1),
    open(2, { type: "server_tool_use", id: "s", name: "web_search" }),
    open(3, tool("b")),
    close(3),
    stop,
  ]);
  const calls = deltas(chunks).flatMap((each) => each.tool_calls ?? []);
  expect(calls.filter(({ id }) => id).map(({ id, index }) => [id, index])).toEqual([
    ["a", 0],
    ["b", 1],
  ]);
});

test("a tool's empty deltas are dropped; without deltas the start event's input is used", () => {
  const tool = { type: "tool_use", id: "a", name: "f", input: { x: 1 } };
  const args = (...events: object[]) =>
    deltas(decode([begin, open(0, tool), ...events, close(0), stop]).chunks)
      .flatMap((each) => each.tool_calls ?? []).slice(1)
      .map((call) => call.function?.arguments);
  const piece = (partial_json: string) => delta(0, "input_json_delta", { partial_json });
  expect(args(piece(""))).toEqual(['{"x":1}']);
  expect(args(piece(""), piece('{"y":'), piece("2}"))).toEqual(['{"y":', "2}"]);
});

test("a block that starts at an open block's index completes that block first", () => {
  const tool = (id: string) => open(0, { type: "tool_use", id, name: "f", input: {} });
  const { chunks } = decode([begin, tool("a"), tool("b"), close(0), stop]);
  const calls = deltas(chunks).flatMap((each) => each.tool_calls ?? []);
  expect(calls.map((call) => [call.index, call.function?.arguments])).toEqual([
    [0, ""],
    [0, "{}"],
    [1, ""],
    [1, "{}"],
  ]);
});

test("thinking is remembered with each following call, signed, in order, including redacted blocks", () => {
  const { remembered } = decode([
    begin,
    open(0, { type: "thinking", thinking: "", signature: "" }),
    delta(0, "thinking_delta", { thinking: "Pl" }),
    delta(0, "thinking_delta", { thinking: "an." }),
    delta(0, "signature_delta", { signature: "sig" }),
    close(0),
    open(1, { type: "redacted_thinking", data: "x" }),
    close(1),
    open(2, { type: "tool_use", id: "t", name: "f" }),
    close(2),
    stop,
  ]);
  expect(remembered).toEqual([["t", [
    { type: "thinking", thinking: "Plan.", signature: "sig" },
    { type: "redacted_thinking", data: "x" },
  ]]]);
});

test("later counts replace earlier ones; missing ones do not", () => {
  const started = {
    type: "message_start",
    message: { id: "m", usage: { input_tokens: 43, output_tokens: 1, cache_read_input_tokens: 5 } },
  };
  const last = (events: object[]) => decode(events, { includeUsage: true }).chunks.at(-1)?.usage;
  const usage = last([
    started,
    ending("end_turn", {
      input_tokens: 61,
      output_tokens: 8,
      cache_read_input_tokens: null,
      cache_creation_input_tokens: 4,
      output_tokens_details: { thinking_tokens: 2 },
    }),
    stop,
  ]);
  expect(usage).toEqual({
    prompt_tokens: 70,
    completion_tokens: 8,
    total_tokens: 78,
    prompt_tokens_details: { cached_tokens: 5, cache_write_tokens: 4 },
    completion_tokens_details: { reasoning_tokens: 2 },
  });
  expect(last([{ type: "message_start", message: { id: "m", usage: null } }, stop]))
    .toMatchObject({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 });
});

test("the usage chunk comes last, and only on request", () => {
  const withUsage = decode([begin, stop], { includeUsage: true }).chunks;
  expect(withUsage.map(({ choices, usage }) => [choices.length, usage === null])).toEqual([
    [1, true],
    [1, true],
    [0, false],
  ]);
  expect(decode([begin, stop]).chunks.some((chunk) => "usage" in chunk)).toBe(false);
});

test("text before a forced JSON tool is dropped, and kept if the tool is not called", () => {
  const text = [open(0, { type: "text", text: "Here: " }), delta(0, "text_delta", { text: "ok" })];
  const tool = [
    open(1, { type: "tool_use", id: "t", name: "json", input: {} }),
    delta(1, "input_json_delta", { partial_json: '{"a":1}' }),
    close(1),
  ];
  const content = (events: object[]) =>
    deltas(decode([begin, ...events, ending("tool_use"), stop], { jsonTool: "json" }).chunks)
      .map(({ content }) => content ?? "").join("");
  expect(content([...text, close(0), ...tool])).toBe('{"a":1}');
  expect(content([...text, close(0)])).toBe("Here: ok");
});

test("a tool's input in its start event keeps its numbers", () => {
  const json = '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use",' +
    '"id":"t","name":"f","input":{"id":2512292042121000001}}}';
  const { chunks } = decode([begin, parseEvent(json), close(0), ending("tool_use"), stop]);
  const texts = deltas(chunks).flatMap(({ tool_calls }) =>
    tool_calls?.map((call) => call.function?.arguments) ?? []
  );
  expect(texts.join("")).toBe('{"id":2512292042121000001}');
});

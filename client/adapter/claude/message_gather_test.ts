import { expect, test } from "bun:test";
import { gatherMessage } from "./message_gather.ts";
import { messageEvents, type WholeMessage } from "./message_events.ts";

const message = {
  type: "message",
  id: "msg_1",
  role: "assistant",
  model: "m",
  content: [
    { type: "thinking", thinking: "Hm.", signature: "sig" },
    { type: "redacted_thinking", data: "d" },
    { type: "text", text: "a", citations: [{ url: "https://a.b" }] },
    { type: "text", text: "b" },
    { type: "tool_use", id: "t", name: "f", input: { x: 1 } },
    { type: "tool_use", id: "u", name: "g", input: {} },
    { type: "server_tool_use", id: "s", name: "web_search", input: { q: "x" } },
  ],
  stop_reason: "tool_use",
  stop_sequence: null,
  stop_details: null,
  usage: { input_tokens: 3, output_tokens: 4 },
};

test("a message's events are gathered into the same message", () => {
  const events = messageEvents(structuredClone(message) as WholeMessage);
  expect(JSON.parse(gatherMessage(events as never))).toEqual(message);
});

test("a tool's input keeps its numbers and key order", () => {
  const input = '{ "2": 2512292042121000001, "1": 1.0 }';
  const events = [
    { type: "message_start", message: { type: "message", content: [] } },
    { type: "content_block_start", index: 0, content_block: { type: "tool_use", input: {} } },
    ...[input.slice(0, 9), input.slice(9)].map((partial_json) => ({
      type: "content_block_delta",
      index: 0,
      delta: { type: "input_json_delta", partial_json },
    })),
    { type: "message_stop" },
  ];
  expect(gatherMessage(events as never)).toContain(`"input":${input}`);
});

test("later usage counts replace earlier ones", () => {
  const events = [
    { type: "message_start", message: { usage: { input_tokens: 9, output_tokens: 1 } } },
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 5 } },
  ];
  expect(JSON.parse(gatherMessage(events))).toMatchObject({
    stop_reason: "end_turn",
    usage: { input_tokens: 9, output_tokens: 5 },
  });
});

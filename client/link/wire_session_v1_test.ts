import { expect, test } from "bun:test";
import { encodeCall } from "../../protocol/mod.ts";
import { WireSessionV1 } from "./wire_session_v1.ts";

function wire() {
  const sent: string[] = [];
  const session = new WireSessionV1({
    send: (message) => void sent.push(String(message)),
    drained: () => null,
  });
  return { session, sent };
}

test("a call in wire v1 is a chat", () => {
  const event = wire().session.read(encodeCall("r", "m", '{"stream":true}'));
  expect(event).toMatchObject({
    kind: "call",
    call: { endpoint: "/v1/chat/completions", headers: {}, stream: true, hidesUsage: false },
  });
});

test("events that come as bytes leave in a frame each", () => {
  const { session, sent } = wire();
  const event = session.read(encodeCall("r", "m", '{"stream":true}'));
  if (event.kind !== "call") throw new Error(event.kind);
  const bytes = new TextEncoder().encode('data: {"a":"é"}\n\ndata: {"b":"\\n\\n"}\n\n');
  event.reply.piece({ bytes, tokenEvents: 2 });
  event.reply.piece('{"c":1}');
  expect(sent.map((text) => JSON.parse(text).data.chunk)).toEqual([
    { a: "é" },
    { b: "\n\n" },
    { c: 1 },
  ]);
});

test("what models can do is not announced: v1 cannot say it", () => {
  const { session, sent } = wire();
  session.register({ max_parallel: 1, models: ["m"], node_id: "n", capabilities: { m: {} } });
  expect(JSON.parse(sent[0]!).data).toEqual({ max_parallel: 1, models: ["m"], node_id: "n" });
});

import { expect, test } from "bun:test";
import { encodeCall } from "../../protocol/mod.ts";
import { WireSessionV1 } from "./wire_session_v1.ts";

function wire() {
  const sent: string[] = [];
  const dialect = new WireSessionV1({
    send: (message) => void sent.push(String(message)),
    drained: () => null,
  });
  return { dialect, sent };
}

test("a call in wire v1 is a chat", () => {
  const asked = wire().dialect.read(encodeCall("r", "m", '{"stream":true}'));
  expect(asked).toMatchObject({
    kind: "run",
    call: { endpoint: "/v1/chat/completions", headers: {}, stream: true, hidesUsage: false },
  });
});

test("events that come as bytes leave in a frame each", () => {
  const { dialect, sent } = wire();
  const asked = dialect.read(encodeCall("r", "m", '{"stream":true}'));
  if (asked.kind !== "run") throw new Error(asked.kind);
  const bytes = new TextEncoder().encode('data: {"a":"é"}\n\ndata: {"b":"\\n\\n"}\n\n');
  asked.reply.piece({ bytes, tokenEvents: 2 });
  asked.reply.piece('{"c":1}');
  expect(sent.map((text) => JSON.parse(text).data.chunk)).toEqual([
    { a: "é" },
    { b: "\n\n" },
    { c: 1 },
  ]);
});

test("what models can do is not told: v1 has no word for it", () => {
  const { dialect, sent } = wire();
  dialect.greet({ max_parallel: 1, models: ["m"], node_id: "n", capabilities: { m: {} } });
  expect(JSON.parse(sent[0]!).data).toEqual({ max_parallel: 1, models: ["m"], node_id: "n" });
});

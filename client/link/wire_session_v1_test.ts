import { expect, test } from "bun:test";
import { encodeCall, Endpoint } from "../../protocol/mod.ts";
import { UpstreamFailure } from "../adapter/adapter.ts";
import { usageMeter } from "../adapter/usage_meter.ts";
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

test("a call whose model a server written in Go would read otherwise is refused, and not run", () => {
  const { session, sent } = wire();
  for (const member of ["Model", "MODEL", "\\u004dodel", "\u017ftream"]) {
    const event = session.read(encodeCall("r", "m", `{"model":"m","${member}":"other"}`));
    expect(event.kind).toBe("refused");
    expect(JSON.parse(sent.pop()!)).toMatchObject({
      type: "ERROR",
      data: { request_id: "r", code: 400 },
    });
  }
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

test("what is too large for a frame of wire v1 fails as the caller's request, and is not sent", () => {
  const { session, sent } = wire();
  const event = session.read(encodeCall("r", "m", '{"stream":false}'));
  if (event.kind !== "call") throw new Error(event.kind);
  const { reply } = event;
  expect(() => reply.piece(`{"a":"${"é".repeat(4 << 20)}"}`)).toThrow(
    expect.objectContaining({ code: 413, message: expect.stringContaining("7 MiB") }),
  );
  reply.piece(`{"a":"${"x".repeat(6 << 20)}"}`);
  expect(sent).toHaveLength(1);
});

test("what models can do is not announced: v1 cannot say it", () => {
  const { session, sent } = wire();
  session.register({ max_parallel: 1, models: ["m"], node_id: "n", capabilities: { m: {} } });
  expect(JSON.parse(sent[0]!).data).toEqual({ max_parallel: 1, models: ["m"], node_id: "n" });
});

test("changed models are announced by a second REGISTER, changed capabilities and what cannot chat are not", () => {
  const { session, sent } = wire();
  const offer = { max_parallel: 1, node_id: "n", models: ["m"] };
  session.register(offer);
  session.announceOffer({ ...offer, capabilities: { m: { tools: true } } });
  const ranker = { endpoints: [Endpoint.rerank] };
  session.announceOffer({ ...offer, models: ["m", "r"], capabilities: { r: ranker } });
  expect(sent).toHaveLength(1);
  session.announceOffer({ ...offer, models: ["m", "n"] });
  expect(JSON.parse(sent[1]!).data.models).toEqual(["m", "n"]);
  session.announceOffer({ ...offer, models: ["m", "n"] });
  expect(sent).toHaveLength(2);
});

test("a failure says when to try again only where the upstream did, and is BUSY where the node is", () => {
  const { session, sent } = wire();
  const event = session.read(encodeCall("r", "m", "{}"));
  if (event.kind !== "call") throw new Error(event.kind);
  const usage = usageMeter(Endpoint.chat);
  event.reply.fail(new UpstreamFailure(429, "later", { retryAfterMs: 1500 }), usage);
  event.reply.fail(new UpstreamFailure(503, "stopped", { isBusy: true }), usage);
  event.reply.fail(new UpstreamFailure(500, "TypeError", { kind: "internal" }), usage);
  expect(sent.map((text) => JSON.parse(text).data)).toEqual([
    { request_id: "r", code: 429, message: "later", retry_after_ms: 1500 },
    { request_id: "r", code: 503, message: "BUSY: stopped" },
    { request_id: "r", code: 500, message: "TypeError", kind: "internal" },
  ]);
});

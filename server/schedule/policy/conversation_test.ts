import { expect, test } from "bun:test";
import { Endpoint } from "../../../protocol/mod.ts";
import { prefixDigests } from "./conversation.ts";

const say = (content: string, role = "user") => ({ role, content });

function digests(messages: unknown, seed = 1n): bigint[] {
  return prefixDigests(Endpoint.chat, JSON.stringify({ model: "m", messages, n: 1 }), seed);
}

test("later messages do not change the digests of the earlier ones", () => {
  const turns = [say("be brief", "system"), say("hi"), say("hello", "assistant"), say("and?")];
  const all = digests(turns);
  expect(all).toHaveLength(4);
  expect(digests(turns.slice(0, 2))).toEqual(all.slice(0, 2));
  expect(new Set(all).size).toBe(4);
});

test("another text, order or seed changes the digests from there on", () => {
  const [a, b] = [say("a"), say("b")];
  expect(digests([a, say("c")])[0]).toBe(digests([a, b])[0]!);
  expect(digests([a, say("c")])[1]).not.toBe(digests([a, b])[1]!);
  expect(digests([b, a])[1]).not.toBe(digests([a, b])[1]!);
  expect(digests([a], 2n)[0]).not.toBe(digests([a], 1n)[0]!);
});

test("messages are separated correctly whatever they contain", () => {
  const tricky = [say(`"},{"role":"user"`), say("]}\\"), {
    role: "user",
    content: [{ text: "[" }],
  }];
  expect(digests(tricky)).toHaveLength(3);
  expect(prefixDigests(Endpoint.chat, `{ "messages" : [ {"content":"a"} , {"content":"b"} ] }`, 1n))
    .toEqual(
      prefixDigests(Endpoint.chat, `{"messages":[{"content":"a"},{"content":"b"}]}`, 1n),
    );
});

test("a body without messages has no digests, and a very long conversation has a thousand", () => {
  for (const body of ["{}", `{"messages":"no"}`, `{"messages":[]}`]) {
    expect(prefixDigests(Endpoint.chat, body, 1n)).toEqual([]);
  }
  expect(digests(Array.from({ length: 1500 }, (_, i) => say(`${i}`)))).toHaveLength(1000);
});

const shapes: [endpoint: Endpoint, messages: string, preamble: string][] = [
  [Endpoint.messages, "messages", "system"],
  [Endpoint.responses, "input", "instructions"],
];
for (const [endpoint, messages, preamble] of shapes) {
  test(`at ${endpoint} a conversation consists of its ${preamble} and its ${messages}`, () => {
    const digestsOf = (turns: unknown, before?: string) =>
      prefixDigests(endpoint, JSON.stringify({ [messages]: turns, [preamble]: before }), 1n);
    const turns = [say("hi"), say("hello", "assistant"), say("and?")];
    const all = digestsOf(turns, "be brief");
    expect(all).toHaveLength(3);
    expect(digestsOf(turns.slice(0, 2), "be brief")).toEqual(all.slice(0, 2));
    expect(digestsOf(turns)).not.toContain(all[0]!);
    expect(digestsOf("only text", "be brief")).toEqual([]);
  });
}

test("endpoints without conversations have no digests", () => {
  const body = JSON.stringify({ input: ["a", "b"], messages: [say("a")], prompt: "a" });
  for (const endpoint of [Endpoint.embeddings, Endpoint.completions, Endpoint.count_tokens]) {
    expect(prefixDigests(endpoint, body, 1n)).toEqual([]);
  }
});

test("a long body of text and pictures has digests, and one of a million numbers has none", () => {
  const text = `say "hello" in 中文\n`.repeat(300_000);
  const image = { type: "image_url", image_url: { url: `data:image/png;base64,${text}` } };
  expect(digests([say("look"), { role: "user", content: [image] }])).toHaveLength(2);
  expect(digests([say("look"), { role: "user", content: new Array(600_000).fill(0) }])).toEqual([]);
  expect(digests([{ role: "user", content: new Array(100_000).fill(0) }])).toHaveLength(1);
});

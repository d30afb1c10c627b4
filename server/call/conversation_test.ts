import { expect, test } from "bun:test";
import { prefixDigests } from "./conversation.ts";

const say = (content: string, role = "user") => ({ role, content });

function digests(messages: unknown, seed = 1n): bigint[] {
  return prefixDigests(JSON.stringify({ model: "m", messages, n: 1 }), seed);
}

test("what a conversation goes on with does not change the digests of its beginning", () => {
  const turns = [say("be brief", "system"), say("hi"), say("hello", "assistant"), say("and?")];
  const all = digests(turns);
  expect(all).toHaveLength(4);
  expect(digests(turns.slice(0, 2))).toEqual(all.slice(0, 2));
  expect(new Set(all).size).toBe(4);
});

test("another word, another order, another seed: another digest from there on", () => {
  const [a, b] = [say("a"), say("b")];
  expect(digests([a, say("c")])[0]).toBe(digests([a, b])[0]!);
  expect(digests([a, say("c")])[1]).not.toBe(digests([a, b])[1]!);
  expect(digests([b, a])[1]).not.toBe(digests([a, b])[1]!);
  expect(digests([a], 2n)[0]).not.toBe(digests([a], 1n)[0]!);
});

test("messages are told apart whatever is in them", () => {
  const tricky = [say(`"},{"role":"user"`), say("]}\\"), {
    role: "user",
    content: [{ text: "[" }],
  }];
  expect(digests(tricky)).toHaveLength(3);
  expect(prefixDigests(`{ "messages" : [ {"content":"a"} , {"content":"b"} ] }`, 1n)).toEqual(
    prefixDigests(`{"messages":[{"content":"a"},{"content":"b"}]}`, 1n),
  );
});

test("a body without messages has no digests, a very long conversation a thousand", () => {
  for (const body of ["{}", `{"messages":"no"}`, `{"messages":[]}`]) {
    expect(prefixDigests(body, 1n)).toEqual([]);
  }
  expect(digests(Array.from({ length: 1500 }, (_, i) => say(`${i}`)))).toHaveLength(1000);
});

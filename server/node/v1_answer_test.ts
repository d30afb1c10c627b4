import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import type { Order } from "./attempt.ts";
import { ReceivedBody } from "./body.ts";
import { V1Answer } from "./v1_answer.ts";

function answer(change: Partial<Order> = {}): V1Answer {
  return new V1Answer({
    attemptId: "try",
    endpoint: Endpoint.chat,
    model: "m",
    body: new ReceivedBody(new Uint8Array()),
    stream: true,
    wantsUsage: false,
    streamOptions: null,
    choices: 1,
    headers: null,
    ...change,
  });
}

function take(answer: V1Answer, chunk: object): string {
  return answer.take(chunk, JSON.stringify(chunk));
}

describe("the tally of a v1 node's answer", () => {
  test("is the upstream's usage, in a stream as in a whole answer", () => {
    for (const stream of [true, false]) {
      const one = answer({ stream });
      take(one, { choices: [{ delta: { content: "a" } }] });
      take(one, { choices: [], usage: { prompt_tokens: 3, completion_tokens: 0 } });
      expect(one.tally())
        .toEqual({ promptTokens: 3, completionTokens: 0, estimated: false, chunks: 2 });
    }
  });

  test("keeps what one chunk has reported when a later one reports nothing, or nonsense", () => {
    const one = answer();
    take(one, { choices: [], usage: { prompt_tokens: 3, completion_tokens: 4 } });
    for (const usage of [null, "5", { prompt_tokens: -1, completion_tokens: 1.5 }, {}]) {
      take(one, { choices: [{ delta: {} }], usage });
    }
    expect(one.tally()).toMatchObject({ promptTokens: 3, completionTokens: 4, estimated: false });
  });

  test("is an estimate for a stream with tokens, and unknown for all else without usage", () => {
    const streamed = answer();
    for (const choices of [[{ text: "a" }], [null, { delta: { refusal: "b" } }], "none", [{}]]) {
      take(streamed, { choices });
    }
    expect(streamed.tally()).toMatchObject({ completionTokens: 2, estimated: true, chunks: 4 });
    const empty = answer();
    take(empty, { choices: [{ delta: { role: "assistant" } }] });
    expect(empty.tally()).toMatchObject({ completionTokens: null, estimated: false });
    const whole = answer({ stream: false });
    take(whole, { choices: [{ text: "a" }] });
    expect(whole.tally()).toMatchObject({ completionTokens: null, estimated: false });
  });
});

describe("a chunk of a v1 node", () => {
  const usageOnly = { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } };

  test("is an event in a stream, and the JSON itself otherwise", () => {
    expect(take(answer(), { choices: [{}] })).toBe(`data: {"choices":[{}]}\n\n`);
    expect(take(answer({ stream: false }), usageOnly)).toBe(JSON.stringify(usageOnly));
  });

  test("that only reports usage is for callers who asked for it", () => {
    expect(take(answer(), usageOnly)).toBe("");
    expect(take(answer({ wantsUsage: true }), usageOnly))
      .toBe(`data: ${JSON.stringify(usageOnly)}\n\n`);
  });
});

import { describe, expect, test } from "bun:test";
import { GatheredAnswer } from "./gathered_answer.ts";
import { KeptAnswer, World } from "./testing/world.ts";

const LIMITS = { maxAnswerBytes: 1_000_000, heldAnswerBytes: 200_000, heldNodeBytes: 500_000 };

const source = { drained() {} };
const encoder = new TextEncoder();

function start(limits: Partial<typeof LIMITS> = {}) {
  const world = new World();
  const { node } = world.node("a");
  const call = world.call();
  const writer = new KeptAnswer();
  const begin = (to = writer) => new GatheredAnswer(call, node, { ...LIMITS, ...limits }, to);
  const answer = begin();
  const give = (piece: string | Uint8Array) => answer.data(piece, source);
  return { node, call, writer, answer, give, begin };
}

/** A JSON object of exactly so many bytes. */
function objectOf(bytes: number): Uint8Array {
  return encoder.encode(`{"a":"${"x".repeat(bytes - 8)}"}`);
}

function piecesOf(bytes: Uint8Array, size: number): Uint8Array[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

describe("an answer that is small enough to be held", () => {
  test("is every piece in order, small and large, text and bytes", () => {
    const { answer, give, node, writer } = start();
    const sizes = [3, 10, 4_095, 4_096, 5_000, 1, 60_000, 4_000, 4_000, 1, 1, 30_000, 2];
    const pieces = sizes.map((size, i) =>
      i % 4 === 3 ? "x".repeat(size) : new Uint8Array(size).fill(65 + i)
    );
    for (const piece of pieces) expect(give(piece)).toBe(true);
    const expected = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));
    expect([node.keptBytes, writer.heldBytes]).toEqual([expected.length, expected.length]);
    answer.end();
    expect(writer.body === expected.toString()).toBe(true);
    expect([writer.events, node.keptBytes, writer.heldBytes]).toEqual([[], 0, 0]);
  });

  test("of many small pieces fills block after block", () => {
    const { answer, give, writer } = start({ heldAnswerBytes: 400_000 });
    const pieces = Array.from({ length: 200 }, (_, i) => new Uint8Array(1_500).fill(i % 100));
    for (const piece of pieces) give(piece);
    answer.end();
    expect(writer.body === Buffer.concat(pieces).toString()).toBe(true);
  });

  test("counts by its bytes once it is joined, although texts were counted by their characters", () => {
    const { answer, give, node, writer } = start();
    const pieces = ['{"a":"ééé', encoder.encode("üü"), '世界"}'];
    for (const piece of pieces) give(piece);
    answer.end();
    expect(writer.body).toBe('{"a":"éééüü世界"}');
    expect([node.keptBytes, writer.heldBytes]).toEqual([0, 0]);
  });

  test("that is discarded counts no longer, and another node can give it", () => {
    const { answer, give, node, writer, begin } = start();
    for (const size of [10, 20, 5_000, 30]) give(new Uint8Array(size));
    expect(answer.hasBegun).toBe(false);
    answer.discard();
    answer.discard();
    expect([node.keptBytes, writer.heldBytes]).toEqual([0, 0]);
    const second = begin();
    second.data("{}", source);
    second.end();
    expect(writer.body).toBe("{}");
  });

  test("has a flaw unless it is one whole JSON object, of whatever size", () => {
    for (const size of [100, 600_000]) {
      const whole = objectOf(size);
      const judged = (bytes: Uint8Array) => {
        const { answer, give } = start({ heldAnswerBytes: 700_000, heldNodeBytes: 700_000 });
        give(bytes);
        return answer.flaw()?.kind ?? null;
      };
      expect(judged(whole)).toBeNull();
      expect(judged(whole.subarray(0, -1))).toBe("no answer");
      // Braced, and no JSON all the same.
      expect(judged(encoder.encode(`{"a":"${"x".repeat(size)}}`))).toBe("no answer");
    }
  });
});

describe("an answer that is too large to be held", () => {
  test("goes on to its caller as it comes, but for its last brace", () => {
    const { answer, give, node, writer } = start();
    const whole = objectOf(900_000);
    for (const piece of piecesOf(whole, 50_000)) expect(give(piece)).toBe(true);
    expect(answer.hasBegun).toBe(true);
    // Four pieces were held, and went with the fifth.
    expect(writer.events[0]).toHaveLength(250_000);
    expect(writer.deliveredBytes).toBe(899_999);
    expect([node.keptBytes, writer.heldBytes]).toEqual([0, 0]);
    expect(answer.flaw()).toBeNull();
    answer.end();
    expect(writer.events.join("") === Buffer.from(whole).toString()).toBe(true);
    expect([writer.body, writer.endings, writer.heldBytes]).toEqual([null, 1, 0]);
  });

  test("goes on early where its node has much that is held already", () => {
    const { node, give, writer } = start();
    node.keep(LIMITS.heldNodeBytes);
    give(encoder.encode(`{"a":`));
    expect(writer.events).toEqual([`{"a":`]);
    expect(node.keptBytes).toBe(LIMITS.heldNodeBytes);
  });

  test("goes on early where room is scarce, unless it is small", () => {
    const { give, writer, answer } = start();
    writer.room = "scarce";
    give(objectOf(100_000).subarray(0, 60_000));
    expect(answer.hasBegun).toBe(false);
    give(objectOf(100_000).subarray(60_000));
    expect(writer.deliveredBytes).toBe(99_999);
  });

  test("makes its node wait while the caller does not read", () => {
    const { give, writer } = start();
    writer.isStalled = true;
    const [first, ...rest] = piecesOf(objectOf(400_000), 100_000);
    expect(give(first!)).toBe(true);
    expect(give(rest[0]!)).toBe(true);
    expect(rest.slice(1).map(give)).toEqual([false, false]);
  });

  test("that breaks off or breaks its JSON has a flaw, and its caller nothing behind the break", () => {
    for (const [broken, passed] of [[`x"}`, 2], [`"} x`, 0], [`" ]`, 0], [`x`, 1]] as const) {
      const { answer, give, writer } = start();
      give(objectOf(300_000).subarray(0, -2));
      const before = writer.deliveredBytes;
      give(encoder.encode(broken));
      if (broken !== "x") give(encoder.encode(`}`));
      expect([broken, answer.flaw()?.kind]).toEqual([broken, "no answer"]);
      expect([broken, writer.deliveredBytes - before]).toEqual([broken, passed]);
      expect([broken, writer.heldBytes]).toEqual([broken, 0]);
    }
  });

  test("may have white space behind it, of which its caller gets none", () => {
    const { answer, give, writer } = start();
    give(objectOf(300_000));
    give(encoder.encode(" \n"));
    expect(answer.flaw()).toBeNull();
    answer.end();
    expect([writer.deliveredBytes, writer.heldBytes]).toEqual([300_000, 0]);
  });

  test("as the text of wire v1 goes on as bytes", () => {
    const { answer, give, writer, node } = start();
    const text = `{"a":"${"é".repeat(150_000)}${"x".repeat(100_000)}"}`;
    give(text);
    expect(answer.flaw()).toBeNull();
    answer.end();
    expect(writer.events.join("") === text).toBe(true);
    expect([node.keptBytes, writer.heldBytes]).toEqual([0, 0]);
  });
});

test("an answer may be as large as the limit, and stops its call beyond it", () => {
  const { give, call } = start();
  for (const piece of piecesOf(objectOf(1_000_000), 100_000)) expect(give(piece)).toBe(true);
  expect(call.stopped).toBeNull();
  expect(give(new Uint8Array(1))).toBe(false);
  expect(call.stopped).toMatchObject({ code: "answer_too_large" });
});

test("an answer for which a budget has no room stops its call, with the budget's name", () => {
  for (const full of ["account_answers_full", "gateway_answers_full"] as const) {
    const { give, call, writer, answer } = start();
    give(encoder.encode("{"));
    writer.room = full;
    expect(give(encoder.encode("}"))).toBe(false);
    expect(call.stopped).toMatchObject({ code: full, retryAfterMs: 5_000 });
    answer.discard();
    expect(writer.heldBytes).toBe(0);
  }
});

import { describe, expect, test } from "bun:test";
import { World } from "./testing/world.ts";
import { GatheredAnswer } from "./gathered_answer.ts";

const MAX_BYTES = 1_000_000;

function start() {
  const world = new World();
  const { node } = world.node("a");
  const call = world.call();
  const answer = new GatheredAnswer(call, node, MAX_BYTES, { head() {} });
  return { node, call, answer };
}

function bytesOf(whole: string | Uint8Array): Uint8Array {
  return typeof whole === "string" ? new TextEncoder().encode(whole) : whole;
}

describe("a gathered answer", () => {
  test("is every piece in order, small and large, text and bytes", () => {
    const { answer, node } = start();
    const sizes = [3, 10, 4_095, 4_096, 5_000, 1, 60_000, 4_000, 4_000, 1, 1, 30_000, 2];
    const pieces = sizes.map((size, i) =>
      i % 4 === 3 ? "x".repeat(size) : new Uint8Array(size).fill(65 + i)
    );
    for (const piece of pieces) expect(answer.data(piece)).toBe(true);
    const expected = Buffer.concat(pieces.map(bytesOf));
    expect(Buffer.from(bytesOf(answer.whole())).equals(expected)).toBe(true);
    expect(node.keptBytes).toBe(expected.length);
  });

  test("of many small pieces fills block after block", () => {
    const { answer } = start();
    const pieces = Array.from({ length: 200 }, (_, i) => new Uint8Array(1_500).fill(i));
    for (const piece of pieces) answer.data(piece);
    expect(Buffer.from(bytesOf(answer.whole())).equals(Buffer.concat(pieces))).toBe(true);
  });

  test("may be as large as the limit, and stops its call beyond it", () => {
    const { answer, call } = start();
    expect(answer.data(new Uint8Array(MAX_BYTES))).toBe(true);
    expect(call.stopped).toBeNull();
    expect(answer.data(new Uint8Array(1))).toBe(false);
    expect(call.stopped).toMatchObject({ code: "answer_too_large" });
  });

  test("that is discarded is empty, and counts against its node no longer", () => {
    const { answer, node } = start();
    for (const size of [10, 20, 5_000, 30]) answer.data(new Uint8Array(size));
    answer.discard();
    answer.discard();
    expect(node.keptBytes).toBe(0);
    expect(bytesOf(answer.whole())).toHaveLength(0);
    answer.data(new Uint8Array([1, 2]));
    expect(bytesOf(answer.whole())).toEqual(new Uint8Array([1, 2]));
  });
});

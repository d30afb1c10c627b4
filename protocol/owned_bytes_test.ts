import { expect, test } from "bun:test";
import { owned } from "./owned_bytes.ts";

test("a piece of a much larger message is kept as a copy, also of a Buffer, whose slices are views", () => {
  for (const message of [new Uint8Array(1024).fill(7), Buffer.alloc(1024, 7)]) {
    const kept = owned(message.subarray(10, 20));
    expect(kept.buffer.byteLength).toBe(10);
    expect([...kept]).toEqual([...message.subarray(10, 20)]);
  }
});

test("a piece that is most of its message is kept without a copy", () => {
  const message = new Uint8Array(1024);
  expect(owned(message.subarray(512)).buffer).toBe(message.buffer);
  expect(owned(message.subarray(513)).buffer).not.toBe(message.buffer);
});

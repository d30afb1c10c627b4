import { expect, test } from "bun:test";
import { Pieces } from "./pieces.ts";

test("small pieces are held as few, large ones as they are, and all in their order", () => {
  const pieces = new Pieces();
  const sent: Uint8Array[] = [];
  const push = (piece: Uint8Array) => {
    sent.push(piece);
    pieces.push(piece);
  };
  for (let i = 0; i < 50_000; i++) push(Uint8Array.of(i));
  expect(pieces.all.length).toBeLessThan(2_000);
  for (let i = 0; i < 3_000; i++) push(new Uint8Array(1_000).fill(i));
  expect(pieces.all).toContain(sent[51_000]!);
  expect(pieces.joined).toEqual(Buffer.concat(sent));
});

test("one piece is not copied", () => {
  const pieces = new Pieces();
  const piece = Uint8Array.of(1);
  pieces.push(piece);
  expect(pieces.joined).toBe(piece);
  expect(new Pieces().joined.byteLength).toBe(0);
});

import { expect, test } from "bun:test";
import fc from "../tests/harness/fast_check.ts";
import { SendBuffer } from "./send_buffer.ts";

test("whatever is added and taken comes out in order, never more than was asked for", () => {
  const step = fc.oneof(
    fc.uint8Array({ maxLength: 9 }).map((part) => ({ part })),
    fc.nat(12).map((take) => ({ take })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const buffer = new SendBuffer();
      const added: number[] = [];
      const taken: number[] = [];
      for (const step of steps) {
        if ("part" in step) {
          buffer.add(step.part);
          added.push(...step.part);
        } else {
          const held = buffer.bytes;
          const bytes = buffer.take(step.take);
          expect(bytes.length).toBe(Math.min(held, step.take));
          taken.push(...bytes);
        }
        expect(buffer.bytes).toBe(added.length - taken.length);
      }
      expect([...taken, ...buffer.take(buffer.bytes)]).toEqual(added);
      expect(buffer.bytes).toBe(0);
    }),
  );
});

test("a short rest of a long part does not keep the whole part in memory", () => {
  const buffer = new SendBuffer();
  buffer.add(new Uint8Array(1000).fill(7));
  buffer.take(900);
  expect(buffer.take(1000).buffer.byteLength).toBe(100);
});

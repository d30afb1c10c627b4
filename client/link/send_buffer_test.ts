import { expect, test } from "bun:test";
import fc from "fast-check";
import { SendBuffer } from "./send_buffer.ts";

test("whatever is added and taken comes out in order, never more than was asked for", () => {
  const step = fc.oneof(
    fc.uint8Array({ maxLength: 9 }).map((part) => ({ part })),
    fc.nat(12).map((take) => ({ take })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const unsent = new SendBuffer();
      const added: number[] = [];
      const taken: number[] = [];
      for (const step of steps) {
        if ("part" in step) {
          unsent.add(step.part);
          added.push(...step.part);
        } else {
          const held = unsent.bytes;
          const bytes = unsent.take(step.take);
          expect(bytes.length).toBe(Math.min(held, step.take));
          taken.push(...bytes);
        }
        expect(unsent.bytes).toBe(added.length - taken.length);
      }
      expect([...taken, ...unsent.take(unsent.bytes)]).toEqual(added);
      expect(unsent.bytes).toBe(0);
    }),
  );
});

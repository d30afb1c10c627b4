import { expect, test } from "bun:test";
import { Pacer } from "./pacer.ts";

test("every stream is called as often as it wants, and the pacer then rests", async () => {
  const pacer = new Pacer();
  const counts = [0, 0, 0];
  await Promise.all(counts.map((_, i) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    pacer.add(i + 1, () => {
      counts[i] = (counts[i] ?? 0) + 1;
      const goesOn = (counts[i] ?? 0) < 5;
      if (!goesOn) resolve();
      return goesOn;
    });
    return promise;
  }));
  expect(counts).toEqual([5, 5, 5]);
});

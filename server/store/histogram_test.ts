/** Histograms: percentiles estimated from counters, against exact ones. */

import { expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import { bucketOf, BUCKETS, percentile } from "./histogram.ts";

function counted(times: readonly number[]): number[] {
  const counts = new Array<number>(BUCKETS).fill(0);
  for (const ms of times) counts[bucketOf(ms)]!++;
  return counts;
}

test("an empty histogram has no percentile", () => {
  expect(percentile([], 0.5)).toBeNull();
  expect(percentile(counted([]), 0.95)).toBeNull();
});

test("a percentile lies in the bucket of the exact one", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 599_000 }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0.5, 0.95),
      (times, p) => {
        const sorted = times.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(p * sorted.length) - 1]!;
        const estimate = percentile(counted(times), p)!;
        const bucket = bucketOf(exact);
        expect(bucketOf(estimate) === bucket || bucketOf(estimate + 1) === bucket).toBe(true);
      },
    ),
  );
});

test("one time alone is every percentile, in the middle of its bucket", () => {
  expect([percentile(counted([800]), 0.5), percentile(counted([800]), 0.95)]).toEqual([875, 875]);
  expect(percentile(counted([3]), 0.5)).toBe(5);
});

test("a first token after minutes is not shown as one after a minute", () => {
  expect(percentile(counted([9 * 60_000]), 0.5)).toBe(450_000);
});

test("percentiles of many times differ from the exact ones by less than a tenth", () => {
  const times = Array.from({ length: 10_000 }, (_, i) => 40 + i * 0.3);
  for (const p of [0.5, 0.95]) {
    const exact = times[Math.ceil(p * times.length) - 1]!;
    expect(Math.abs(percentile(counted(times), p)! - exact) / exact).toBeLessThan(0.1);
  }
});

test("the sum of two histograms is the histogram of all their times", () => {
  const [a, b] = [[5, 70, 800], [9000, 700_000]];
  const sum = counted(a).map((count, at) => count + counted(b)[at]!);
  expect(sum).toEqual(counted([...a, ...b]));
  expect(percentile(sum, 1)).toBe(600_000);
});

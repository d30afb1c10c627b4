import { expect, test } from "bun:test";
import { valueRange, wholeSteps } from "./value_axis.ts";

test("an axis that counts has no labels between whole numbers, however little there is", () => {
  expect(wholeSteps.every(Number.isInteger)).toBe(true);
  expect(wholeSteps[0]).toBe(1);
  // As high as the first label at least, also without any call.
  expect(valueRange(0, true)).toEqual([0, 1]);
  expect(valueRange(1, true)[1]).toBeGreaterThan(1);
});

test("an axis that measures fits small values", () => {
  expect(valueRange(0.02, false)[1]).toBeCloseTo(0.022);
});

import { expect, test } from "bun:test";
import { z } from "zod";
import { FormError } from "./form_error.ts";

const form = z.strictObject({ name: z.string().optional(), list: z.array(z.number()).optional() });

function errorOf(value: unknown): FormError {
  return new FormError("body", form.safeParse(value).error!);
}

test("a form's error names each unknown member by itself", () => {
  const { message, fields } = errorOf({ a: 1, b: 2 });
  expect(message).toBe(
    'Cannot read the body: a: Unrecognized key: "a"; b: Unrecognized key: "b"',
  );
  expect(fields?.map(({ param, code }) => [param, code])).toEqual([
    ["a", "unknown_field"],
    ["b", "unknown_field"],
  ]);
});

test("a form's error is short, however many faults the form has and however long its names are", () => {
  const unknown = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 1]));
  const forms = [unknown, { ["x".repeat(60_000)]: 1 }, { list: Array(5000).fill("x") }];
  for (const { message, fields } of forms.map(errorOf)) {
    expect(JSON.stringify([message, fields]).length).toBeLessThan(8 * 1024);
    expect(fields?.length).toBeLessThanOrEqual(20);
  }
});

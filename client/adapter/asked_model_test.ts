import { expect, test } from "bun:test";
import { withAskedModel } from "./asked_model.ts";

const names = { model: "local", askedModel: 'pro "1"' };
const shown = (text: string) => withAskedModel(text, JSON.parse(text), names);

test("an answer carries the requested model name and is otherwise unchanged", () => {
  expect(shown('{ "seed":9007199254740993, "model" : "local", "x":[1.0] }'))
    .toBe('{ "seed":9007199254740993, "model" : "pro \\"1\\"", "x":[1.0] }');
});

test("the response or message inside an event carries the requested name too", () => {
  for (const holder of ["response", "message"]) {
    expect(shown(`{"type":"t", "${holder}":{ "id":"1","model":"local" },"n":1.0}`))
      .toBe(`{"type":"t", "${holder}":{ "id":"1","model":"pro \\"1\\"" },"n":1.0}`);
  }
});

test("a third model name passes unchanged", () => {
  const others = [
    '{"model":"local-2026-11-23"}',
    '{"model":null,"message":null}',
    '{"response":"local"}',
    '{"choices":[{"model":"local"}],"message":{"content":"local"}}',
  ];
  for (const text of others) expect(shown(text)).toBe(text);
});

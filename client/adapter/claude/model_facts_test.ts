import { expect, test } from "bun:test";
import { factsOf, unknownModel } from "./model_facts.ts";

/** Model, output limit in thousands of tokens, sampling, thinking style, thinking off, forced tools. */
const rows: [string, number, boolean, string, string | null, boolean][] = [
  ["claude-sonnet-5-5", 128, false, "adaptive", "between_tools", false],
  ["claude-opus-5-5", 128, false, "adaptive", null, false],
  ["claude-fable-5-1", 128, false, "adaptive", null, false],
  ["claude-fable-5-2", 128, false, "adaptive", null, false],
  ["claude-haiku-5-5", 128, false, "adaptive", "disabled", true],
  ["claude-opus-5", 128, false, "adaptive", "disabled", true],
  ["claude-fable-5", 128, false, "adaptive", null, true],
  ["claude-opus-4-8", 128, false, "adaptive", "disabled", true],
  ["claude-opus-4-7", 128, false, "adaptive", "disabled", true],
  ["claude-sonnet-5", 128, false, "adaptive", "disabled", true],
  ["claude-opus-4-6", 128, true, "adaptive", "disabled", true],
  ["claude-sonnet-4-6", 128, true, "adaptive", "disabled", true],
  ["claude-sonnet-4-5-20250929", 64, true, "budget", "disabled", true],
  ["claude-haiku-4-5", 64, true, "budget", "disabled", true],
  ["claude-opus-4-1-20250805", 32, true, "budget", "disabled", true],
  ["claude-opus-4-20250514", 32, true, "budget", "disabled", true],
  ["claude-sonnet-4-20250514", 64, true, "budget", "disabled", true],
  ["claude-3-5-sonnet-latest", 4.096, true, "none", null, true],
];

for (const [model, thousand, sampling, thinking, thinkingOff, forcedTools] of rows) {
  test(`${model}: ${thousand}k tokens, ${thinking} thinking`, () => {
    expect(factsOf(model)).toMatchObject({
      maxOutputTokens: thousand * 1000,
      sampling,
      thinking,
      thinkingOff,
      forcedTools,
    });
  });
}

test("structured output is native from Opus 4.1 and the 4.5 models on", () => {
  const native = (model: string) => factsOf(`claude-${model}`)!.structuredOutput;
  expect(["opus-4-1", "opus-4-5", "haiku-4-5", "sonnet-4-6", "opus-5-5"].every(native)).toBe(true);
  expect(["opus-4-20250514", "sonnet-4-20250514", "3-haiku"].some(native)).toBe(false);
});

test("effort is supported by Opus 4.5 and every model after the 4.5 generation", () => {
  const efforts = (model: string) => factsOf(`claude-${model}`)!.efforts.length > 0;
  expect(["opus-4-5", "opus-4-6", "sonnet-4-6", "opus-5", "fable-5"].every(efforts)).toBe(true);
  expect(["sonnet-4-5", "haiku-4-5", "opus-4-1"].some(efforts)).toBe(false);
});

test("an unknown model is treated like the newest ones, which accept the least", () => {
  expect(factsOf("claude-of-tomorrow")).toBeUndefined();
  expect(unknownModel).toMatchObject({ sampling: false, forcedTools: false, thinkingOff: null });
});

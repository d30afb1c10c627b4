import { describe, expect, test } from "bun:test";
import { isModelName } from "./model_name.ts";

describe("a model's name", () => {
  for (
    const name of [
      "gpt-4-turbo",
      "meta-llama/Llama-3.1-8B:free",
      "Qwen 2.5 (coder)",
      "通义千问-7b",
      "модель-7",
      "größe-é",
      "a".repeat(200),
    ]
  ) {
    test(`may be ${name.slice(0, 40)}`, () => expect(isModelName(name)).toBe(true));
  }

  const wrong: [what: string, name: unknown][] = [
    ["empty", ""],
    ["no text", 7],
    ["longer than 200 characters", "a".repeat(201)],
    ["with a line break", "pro\nmodel"],
    ["with a zero-width space", "pro\u200bmodel"],
    ["that turns the direction of writing", "pro\u202emodel"],
    ["with a lone surrogate", "pro\ud800"],
    ["with a blank at its end", "pro-model "],
    ["with two blanks", "pro  model"],
    ["with a no-break space", "pro\u00a0model"],
    ["with a Cyrillic letter among Latin ones", "pr\u043e-model"],
    ["with a Greek letter among Latin ones", "gpt-\u03bf1"],
    ["in full-width letters", "\uff50ro-model"],
    ["with an accent in two characters", "mode\u0301le"],
  ];
  for (const [what, name] of wrong) {
    test(`is refused ${what}`, () => expect(isModelName(name)).toBe(false));
  }
});

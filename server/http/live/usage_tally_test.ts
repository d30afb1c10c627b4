import { expect, test } from "bun:test";
import { anEntry } from "../../store/testing/store_suite.ts";
import { UsageTally } from "./usage_tally.ts";

test("calls are added by account, side and model, until they are taken", () => {
  const tally = new UsageTally();
  tally.add("a", "made", anEntry({ model: "m", promptTokens: 1, completionTokens: 10 }));
  tally.add("a", "made", anEntry({ model: "m", promptTokens: 2, completionTokens: 20 }));
  tally.add(
    "a",
    "made",
    anEntry({ model: "m", outcome: "node_lost", promptTokens: null, completionTokens: null }),
  );
  tally.add(
    "a",
    "made",
    anEntry({ model: "m", outcome: "cancelled", promptTokens: 0, completionTokens: 0 }),
  );
  tally.add("a", "provided", anEntry({ model: "m", promptTokens: 5, completionTokens: 6 }));
  tally.add("b", "made", anEntry({ model: "n", promptTokens: 7, completionTokens: 8 }));
  const row = (
    side: string,
    model: string,
    calls: number,
    errors: number,
    prompt: number,
    completion: number,
  ) => ({
    side,
    model,
    calls,
    errors,
    prompt_tokens: prompt,
    completion_tokens: completion,
  });
  expect([...tally.take()]).toEqual([
    ["a", [row("made", "m", 4, 1, 3, 30), row("provided", "m", 1, 0, 5, 6)]],
    ["b", [row("made", "n", 1, 0, 7, 8)]],
  ] as never);
  expect([...tally.take()]).toEqual([]);
});

test("of one account 200 models are counted at a time", () => {
  const tally = new UsageTally();
  for (let i = 0; i < 201; i++) tally.add("a", "made", anEntry({ model: `m${i}` }));
  tally.add("a", "made", anEntry({ model: "m0" }));
  const [[, increments] = ["", []]] = tally.take();
  expect(increments).toHaveLength(200);
  expect(increments[0]).toMatchObject({ model: "m0", calls: 2 });
});

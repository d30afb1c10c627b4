import { expect, test } from "bun:test";
import type { UsageFigures, UsageView } from "../../../api/mod.ts";
import { incremented } from "./increment.ts";

const figures: UsageFigures = {
  calls: 10,
  errors: 1,
  prompt_tokens: 100,
  completion_tokens: 50,
  first_token_p50_ms: null,
  first_token_p95_ms: null,
  tokens_per_second: null,
};

const view: UsageView = {
  side: "made",
  step: "minute",
  step_ms: 60_000,
  from: 0,
  to: 180_000,
  total: figures,
  before: figures,
  series: [{ at: 60_000, ...figures }, { at: 120_000, ...figures }],
  by_model: [{ id: "llama", name: "llama", ...figures }],
  by_key: [],
  by_node: [],
  model_series: [],
};

const one = {
  side: "made",
  model: "llama",
  calls: 2,
  errors: 1,
  prompt_tokens: 7,
  completion_tokens: 3,
} as const;

test("calls that have just ended are added to the sum, to their model and to their step", () => {
  const now = incremented(view, [one], {}, 130_000);
  expect(now.total).toMatchObject({ calls: 12, errors: 2, prompt_tokens: 107 });
  expect(now.series.map(({ calls }) => calls)).toEqual([10, 12]);
  expect(now.by_model[0]?.calls).toBe(12);
});

test("calls are added to the day of the zone, which may have 25 hours", () => {
  const [first, second] = [0, 25 * 3_600_000];
  const days = { ...view, step: "day" as const, step_ms: 86_400_000, starts: [first, second] };
  const series = [{ at: first, ...figures }];
  const later = incremented({ ...days, series }, [one], {}, second - 1);
  expect(later.series.map(({ calls }) => calls)).toEqual([12]);
});

test("calls of another side or model change nothing, nor does any where the view is filtered by key", () => {
  expect(incremented(view, [{ ...one, side: "provided" }], {}, 0)).toEqual(view);
  expect(incremented(view, [one], { model: "qwen" }, 0)).toEqual(view);
  expect(incremented(view, [one], { key: "k1" }, 0)).toEqual(view);
});

/** The dashboard's figures: how each is read from an answer, formatted and drawn. */

import type { UsageFigures, UsagePoint, UsageView } from "../../../api/mod.ts";
import type { ChartLine } from "../../part/Chart.tsx";
import { formatDuration, formatShort, messages } from "../../state/locale.ts";

export const figureNames = ["calls", "tokens", "errors", "firstToken"] as const;
export type FigureName = typeof figureNames[number];

export interface Figure {
  /** Null: there is no data for it. */
  value: (figures: UsageFigures) => number | null;
  format: (value: number) => string;
  /** Whether a higher value is worse. */
  isBurden: boolean;
  lines: (steps: readonly UsageFigures[], view: UsageView) => ChartLine[];
}

export const figures: Readonly<Record<FigureName, Figure>> = {
  calls: {
    value: ({ calls }) => calls,
    format: formatShort,
    isBurden: false,
    lines: (steps, view) => callLines(steps, view),
  },
  tokens: {
    value: (one) => one.prompt_tokens + one.completion_tokens,
    format: formatShort,
    isBurden: false,
    lines: (steps) => [
      line("prompt", 3, steps, (one) => one.prompt_tokens),
      line("completion", 1, steps, (one) => one.completion_tokens, true),
    ],
  },
  errors: {
    value: ({ errors }) => errors,
    format: formatShort,
    isBurden: true,
    lines: (steps) => [line("errors", 4, steps, ({ errors }) => errors, true)],
  },
  firstToken: {
    value: (one) => one.first_token_p50_ms,
    format: formatDuration,
    isBurden: true,
    lines: (steps) => [
      line("p95", 2, steps, (one) => one.first_token_p95_ms),
      line("p50", 1, steps, (one) => one.first_token_p50_ms, true),
    ],
  },
};

type LineName = "prompt" | "completion" | "errors" | "p50" | "p95";

function line(
  name: LineName,
  colour: number,
  steps: readonly UsageFigures[],
  value: (figures: UsageFigures) => number | null,
  isArea = false,
): ChartLine {
  return { label: messages.value.dashboard.lines[name], values: steps.map(value), colour, isArea };
}

/** All calls, and those of the busiest models, where there are several. */
function callLines(steps: readonly UsageFigures[], view: UsageView): ChartLine[] {
  const all = messages.value.dashboard.lines.all;
  const total = { label: all, values: steps.map(({ calls }) => calls), colour: 1, isArea: true };
  if (view.model_series.length < 2) return [total];
  const times = stepTimes(view);
  const models = view.model_series.map(({ id, points }, i): ChartLine => {
    const calls = new Map(points.map((point) => [point.at, point.calls]));
    return { label: id, values: times.map((at) => calls.get(at) ?? 0), colour: 2 + (i % 5) };
  });
  return [total, ...models];
}

/** Start of each step of the view; the answer leaves out the steps without calls. */
function stepTimes({ from, to, step_ms }: UsageView): number[] {
  const count = Math.max(0, Math.ceil((to - from) / step_ms));
  return Array.from({ length: count }, (_, i) => from + i * step_ms);
}

const nothing: UsageFigures = {
  calls: 0,
  errors: 0,
  prompt_tokens: 0,
  completion_tokens: 0,
  first_token_p50_ms: null,
  first_token_p95_ms: null,
  tokens_per_second: null,
};

/** Every step, including those without calls. */
export function allSteps(view: UsageView): UsagePoint[] {
  const known = new Map(view.series.map((point) => [point.at, point]));
  return stepTimes(view).map((at) => known.get(at) ?? { ...nothing, at });
}

/** The dashboard's figures: how each is read from an answer, formatted and drawn. */

import type { UsageFigures, UsagePoint, UsageView } from "../../../api/mod.ts";
import type { ChartLine } from "../../part/Chart.tsx";
import { formatDuration, formatShort, messages } from "../../state/locale.ts";

export type FigureName = "calls" | "tokens" | "speed" | "errors" | "firstToken";

/** What the dashboard shows. */
export const figureNames: readonly FigureName[] = ["calls", "tokens", "errors", "firstToken"];

export interface Figure {
  /** Null: there is no data for it. */
  value: (figures: UsageFigures) => number | null;
  format: (value: number) => string;
  /** Whether a higher value is worse. */
  isBurden: boolean;
  /** Whether its lines are parts of a number, to be stacked. */
  isCount: boolean;
  lines: (steps: readonly UsageFigures[], view: TrendView) => ChartLine[];
}

/** What is shown over time: an account's usage, or everyone's, which has no series by model. */
export type TrendView =
  & Pick<UsageView, "total" | "before" | "series" | "from" | "to" | "step_ms">
  & Partial<Pick<UsageView, "starts" | "model_series" | "by_model">>;

export const figures: Readonly<Record<FigureName, Figure>> = {
  calls: {
    value: ({ calls }) => calls,
    format: formatShort,
    isBurden: false,
    isCount: true,
    lines: (steps, view) => callLines(steps, view),
  },
  tokens: {
    value: (one) => one.prompt_tokens + one.completion_tokens,
    format: formatShort,
    isBurden: false,
    isCount: true,
    lines: (steps) => [
      line("prompt", 3, steps, (one) => one.prompt_tokens),
      line("completion", 1, steps, (one) => one.completion_tokens, true),
    ],
  },
  speed: {
    value: (one) => one.tokens_per_second,
    format: (perSecond) => messages.value.dashboard.asides.speed(Math.round(perSecond)),
    isBurden: false,
    isCount: false,
    lines: (steps, { total: { tokens_per_second: rate } }) => [{
      ...line("all", 1, steps, (one) => one.tokens_per_second, true),
      label: messages.value.dashboard.figures.speed,
      total: rate === null ? "–" : messages.value.dashboard.asides.speed(Math.round(rate)),
    }],
  },
  errors: {
    value: ({ errors }) => errors,
    format: formatShort,
    isBurden: true,
    isCount: true,
    lines: (steps) => [line("errors", 4, steps, ({ errors }) => errors, true)],
  },
  firstToken: {
    value: (one) => one.first_token_p50_ms,
    format: formatDuration,
    isBurden: true,
    isCount: false,
    lines: (steps, { total }) => [
      {
        ...line("p95", 2, steps, (one) => one.first_token_p95_ms),
        total: durationText(total.first_token_p95_ms),
      },
      {
        ...line("p50", 1, steps, (one) => one.first_token_p50_ms, true),
        total: durationText(total.first_token_p50_ms),
      },
    ],
  },
};

type LineName = "all" | "prompt" | "completion" | "errors" | "p50" | "p95";

function line(
  name: LineName,
  colour: number,
  steps: readonly UsageFigures[],
  value: (figures: UsageFigures) => number | null,
  isArea = false,
): ChartLine {
  const values = steps.map(value);
  const label = messages.value.dashboard.lines[name];
  return { label, values, colour, isArea, total: formatShort(sumOf(values)) };
}

function durationText(ms: number | null): string {
  return ms === null ? "–" : formatDuration(ms);
}

function sumOf(values: readonly (number | null)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

/** The calls of the busiest models, and all others together; one line where there is one model. */
function callLines(steps: readonly UsageFigures[], view: TrendView): ChartLine[] {
  const { lines } = messages.value.dashboard;
  const { model_series: series = [] } = view;
  const all = steps.map(({ calls }) => calls);
  const asLine = (label: string, values: number[], colour: number): ChartLine => ({
    label,
    values,
    colour,
    total: formatShort(sumOf(values)),
  });
  if (series.length < 2) return [asLine(lines.all, all, 1)];
  const times = stepTimes(view);
  const models = series.map(({ id, points }, i) => {
    const calls = new Map(points.map((point) => [point.at, point.calls]));
    return asLine(id, times.map((at) => calls.get(at) ?? 0), 1 + (i % 5));
  });
  const others = all.map((calls, i) =>
    Math.max(0, calls - models.reduce((sum, { values }) => sum + (values[i] ?? 0), 0))
  );
  return others.some((calls) => calls > 0) ? [asLine(lines.others, others, 6), ...models] : models;
}

/** Start of each step of the view; the answer leaves out the steps without calls. */
function stepTimes(
  { from, to, step_ms, starts }: Pick<TrendView, "from" | "to" | "step_ms" | "starts">,
): number[] {
  // Days of a time zone, of which some have 23 or 25 hours.
  if (starts !== undefined) return starts;
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
export function allSteps(view: TrendView): UsagePoint[] {
  const known = new Map(view.series.map((point) => [point.at, point]));
  return stepTimes(view).map((at) => known.get(at) ?? { ...nothing, at });
}

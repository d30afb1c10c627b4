/** Made-up figures of a day with its rush hours, by model, key and node. */

import type { Side, UsageFigures, UsageShare, UsageView } from "../../api/mod.ts";

const STEPS: readonly [name: UsageView["step"], stepMs: number, maxRangeMs: number][] = [
  ["minute", 60_000, 6 * 3_600_000],
  ["hour", 3_600_000, 14 * 86_400_000],
  ["day", 86_400_000, Infinity],
];

/** Of the calls, by model. */
const PARTS = [0.5, 0.3, 0.2];

/** As the gateway would tell it of that time; without models there were no calls. */
export function usage(side: Side, from: number, to: number, models: readonly string[]): UsageView {
  const [step, step_ms] = STEPS.find(([, , maxRangeMs]) => to - from <= maxRangeMs) ?? STEPS[2]!;
  const start = Math.floor(from / step_ms) * step_ms;
  const times = Array.from(
    { length: Math.ceil((to - start) / step_ms) },
    (_, i) => start + i * step_ms,
  );
  const busy = times.map((at, i) => Math.round((step_ms / 3_600_000) * 90 * rush(at, i)));
  const series = models.length === 0
    ? []
    : times.map((at, i) => ({ at, ...figures(busy[i] ?? 0, rush(at, i)) })).filter(({ calls }) =>
      calls > 0
    );
  const calls = series.reduce((sum, point) => sum + point.calls, 0);
  const share = (id: string, part: number, of = Math.round(calls * part)): UsageShare => ({
    id,
    name: id,
    ...figures(of, 0.4 + part),
  });
  const lines = models.slice(0, PARTS.length).map((id, i) => ({
    id,
    points: series.map(({ at, calls: all, completion_tokens }) => ({
      at,
      calls: partOf(all, i),
      completion_tokens,
    })),
  }));
  return {
    side,
    step,
    step_ms,
    from: start,
    to,
    total: figures(calls, 0.8),
    before: figures(Math.round(calls * 0.87), 0.9),
    series,
    by_model: lines.map(({ id, points }, i) =>
      share(id, PARTS[i] ?? 0, points.reduce((sum, { calls }) => sum + calls, 0))
    ),
    by_key: side === "made"
      ? [share("laptop", 0.72), share("ci", 0.21), { ...share("key-1", 0.07), name: "" }]
      : [],
    by_node: [share("lab-rack-3", 0.6), share("studio-pc", 0.33), share("cloud-key", 0.07)],
    model_series: lines,
  };
}

/** All parts together are `calls`. */
function partOf(calls: number, i: number): number {
  const upTo = (n: number) => Math.round(calls * PARTS.slice(0, n).reduce((a, b) => a + b, 0));
  return upTo(i + 1) - upTo(i);
}

/** Between 0 and 1.3: quiet nights, a rush before noon and one in the evening, and some noise. */
function rush(at: number, i: number): number {
  const hour = (at / 3_600_000) % 24;
  const peak = (middle: number) => Math.exp(-((hour - middle) ** 2) / 8);
  const noise = 0.15 * Math.abs(Math.sin(i * 12.9898) * 43758.5453 % 1);
  return Math.max(0, 0.12 + peak(10) + 0.7 * peak(19) + noise);
}

function figures(calls: number, load: number): UsageFigures {
  return {
    calls,
    errors: Math.round(calls * 0.012 * load),
    prompt_tokens: calls * 412,
    completion_tokens: calls * 188,
    first_token_p50_ms: calls > 0 ? 320 + 240 * load : null,
    first_token_p95_ms: calls > 0 ? 900 + 1400 * load : null,
    tokens_per_second: calls > 0 ? 46 : null,
  };
}

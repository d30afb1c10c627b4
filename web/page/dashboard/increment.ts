/** Adds calls reported by the feed to figures that were loaded before. */

import type { UsageFigures, UsageIncrement, UsageView } from "../../../api/mod.ts";

type Counted = Pick<UsageIncrement, "calls" | "errors" | "prompt_tokens" | "completion_tokens">;

/**
 * The view with the matching increments added; `nowMs` is the gateway's time. Unchanged when the view
 * is filtered by key or node, because an increment names neither.
 */
export function incremented(
  view: UsageView,
  increments: readonly UsageIncrement[],
  filter: { model?: string | undefined; key?: string | undefined; node?: string | undefined },
  nowMs: number,
): UsageView {
  if (filter.key !== undefined || filter.node !== undefined) return view;
  const own = increments.filter(({ side, model }) =>
    side === view.side && (filter.model === undefined || filter.model === model)
  );
  return own.reduce((sum, one) => withOne(sum, one, nowMs), view);
}

function withOne(view: UsageView, one: UsageIncrement, nowMs: number): UsageView {
  const at = view.starts?.findLast((start) => start <= nowMs) ??
    view.from + Math.floor((nowMs - view.from) / view.step_ms) * view.step_ms;
  const last = view.series.at(-1);
  const series = last?.at === at ? [...view.series.slice(0, -1), plus(last, one)] : view.series;
  const by_model = view.by_model.map((
    share,
  ) => (share.id === one.model ? plus(share, one) : share));
  return { ...view, total: plus(view.total, one), series, by_model };
}

function plus<F extends UsageFigures>(figures: F, one: Counted): F {
  return {
    ...figures,
    calls: figures.calls + one.calls,
    errors: figures.errors + one.errors,
    prompt_tokens: figures.prompt_tokens + one.prompt_tokens,
    completion_tokens: figures.completion_tokens + one.completion_tokens,
  };
}

/** What was used over time: the dashboard in one answer. Times are UTC milliseconds. */

import type { Side } from "./calls.ts";

export interface UsageFigures {
  calls: number;
  /** Of these: neither answered nor left by their caller. */
  errors: number;
  prompt_tokens: number;
  completion_tokens: number;
  /** Time to first token of streams, milliseconds, from a histogram (exact to about 10 %); null: there were none. */
  first_token_p50_ms: number | null;
  first_token_p95_ms: number | null;
  /** Completion tokens a second while streams were running; null: nothing to tell it from. */
  tokens_per_second: number | null;
}

/** One step of the series. Steps without calls are left out. */
export interface UsagePoint extends UsageFigures {
  /** When the step begins. */
  at: number;
}

export interface UsageShare extends UsageFigures {
  /** A model's name, a key's or a node's id. */
  id: string;
  /** What people call it; for models the same as `id`, for what is gone null. */
  name: string | null;
}

/** The query of `GET /api/usage`; all parts are optional. */
export interface UsageFilter {
  /** Default: `made`. */
  side?: Side;
  /** Default: 24 hours before `to`. */
  from?: number;
  /** Default: now. */
  to?: number;
  /** Default: `minute` up to 6 hours, `hour` up to 14 days, else `day`. At most 2,000 steps. */
  step?: UsageStep;
  model?: string;
  /** Only on the `made` side. */
  key?: string;
  node?: string;
}

export type UsageStep = "minute" | "hour" | "day";

/** `GET /api/usage` */
export interface UsageView {
  side: Side;
  step: UsageStep;
  step_ms: number;
  /** What the figures cover: `from` and `to` as asked, moved out to whole steps. */
  from: number;
  to: number;
  total: UsageFigures;
  /** The same length of time before `from`, to compare with. */
  before: UsageFigures;
  series: UsagePoint[];
  /** Most calls first; at most 50 each. */
  by_model: UsageShare[];
  /** Empty on the `provided` side. */
  by_key: UsageShare[];
  by_node: UsageShare[];
  /** Series of the five busiest models, in the order of `by_model`. */
  model_series: {
    id: string;
    points: { at: number; calls: number; completion_tokens: number }[];
  }[];
}

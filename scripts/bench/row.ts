/** One row of the benchmark's table: a figure, what it was for each variant, and how it stands to its goal. */

import type { Conditions } from "./rounds.ts";
import type { Spread } from "./statistics.ts";

export interface Row {
  figure: string;
  unit: string;
  direct?: Spread;
  nginx?: Spread;
  /** The bare relay on the same runtime. */
  floor?: Spread;
  gateway?: Spread;
  node?: Spread;
  /** What the goal is about, where that is not the gateway's value itself: such as its ratio to nginx. */
  compared?: Spread;
  goal?: Goal;
  conditions: Conditions;
  /** Of a figure that needs no server; such rows have a table of their own. */
  isLone?: boolean;
  /** What a reader must know to understand the figure. */
  note?: string;
}

export interface Goal {
  sign: "≤" | "≥";
  limit: number;
  /** What follows the number: `× nginx`, `KiB`. */
  of: string;
}

/** Whether the middle value keeps to the goal; null: there is no goal. */
export function isMet({ goal, compared, gateway }: Row): boolean | null {
  const value = (compared ?? gateway)?.median;
  if (goal === undefined || value === undefined) return null;
  return goal.sign === "≤" ? value <= goal.limit : value >= goal.limit;
}

export function atMost(limit: number, of: string): Goal {
  return { sign: "≤", limit, of };
}

export function atLeast(limit: number, of: string): Goal {
  return { sign: "≥", limit, of };
}

/** The value axis of a chart: it begins at zero, and shows no fractions of what is counted. */

/** Its two ends. A single call fills the chart: there is no fraction of one to be shown. */
export function valueRange(max: number, isCount: boolean): [from: number, to: number] {
  return [0, Math.max(max * 1.1, isCount ? 1 : 1e-9)];
}

/** Distances of the labels of an axis that counts: no fractions. */
export const wholeSteps: number[] = Array.from(
  { length: 15 },
  (_, power) => [1, 2, 5].map((n) => n * 10 ** power),
).flat();

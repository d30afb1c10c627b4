/** Medians, quantiles and spreads of what was measured. */

/** What several rounds gave: the middle one, and how far they lie apart. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Throws when there is nothing to spread. */
export function spread(values: readonly number[]): Spread {
  return {
    median: quantile(values, 0.5),
    min: Math.min(...values),
    max: Math.max(...values),
  };
}

/** The value below which the share `q` (0 to 1) of `values` lies; between two values, in proportion. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) {
    throw new Error("Cannot take a quantile: no values");
  }
  return below + (above - below) * (place - Math.floor(place));
}

/** Histograms of times: counters that can be added up, and percentiles estimated from them. */

/** The upper ends of the buckets; one more bucket takes what is longer. */
export const ENDS_MS = [
  10,
  20,
  30,
  50,
  75,
  100,
  150,
  200,
  300,
  500,
  750,
  1000,
  1500,
  2000,
  3000,
  5000,
  7500,
  10_000,
  15_000,
  20_000,
  30_000,
  60_000,
  120_000,
  300_000,
  600_000,
] as const;

/** The number of a histogram's counters. */
export const BUCKETS = ENDS_MS.length + 1;

/** The index of the counter for this time. */
export function bucketOf(ms: number): number {
  const at = ENDS_MS.findIndex((end) => ms <= end);
  return at < 0 ? ENDS_MS.length : at;
}

/**
 * The time that the share `p` of all times does not exceed, as if the times of a bucket lay evenly
 * between its ends: one time alone lies in the middle. Null: there are no times.
 */
export function percentile(counts: readonly number[], p: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let rank = Math.max(1, Math.ceil(total * p));
  for (const [at, count] of counts.entries()) {
    if (rank <= count) return within(at, (rank - 0.5) / count);
    rank -= count;
  }
  return within(ENDS_MS.length, 1);
}

function within(bucket: number, share: number): number {
  const start = ENDS_MS[bucket - 1] ?? 0;
  // The last bucket has no upper end: its lower end is all that is known.
  const end = ENDS_MS[bucket] ?? start;
  return Math.round(start + (end - start) * share);
}

/** Times in a row of counters: histograms that can be added up, and percentiles told from them. */

/** Upper ends in milliseconds; the last counter takes what is longer. */
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
] as const;

/** How many counters a histogram has. */
export const BUCKETS = ENDS_MS.length + 1;

/** Which counter takes this time. */
export function bucketOf(ms: number): number {
  const at = ENDS_MS.findIndex((end) => ms <= end);
  return at < 0 ? ENDS_MS.length : at;
}

/** The time that the share `p` of all stays below, as if each bucket were filled evenly; null: there are none. */
export function percentile(counts: readonly number[], p: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = total * p;
  for (const [at, count] of counts.entries()) {
    if (count === 0) continue;
    if (left <= count) return within(at, left / count);
    left -= count;
  }
  return within(ENDS_MS.length, 1);
}

function within(bucket: number, share: number): number {
  const start = ENDS_MS[bucket - 1] ?? 0;
  // Nobody knows how long the longest took; what is known is told.
  const end = ENDS_MS[bucket] ?? start;
  return Math.round(start + (end - start) * share);
}

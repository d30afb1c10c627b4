/** Numbers, counts and durations in English. */

export const number = new Intl.NumberFormat("en");

/** "1 node", "1,000 nodes" */
export function count(n: number, one: string, many: string): string {
  return counted(number.format(n), one, many);
}

/** As `count`, of a number that is written already: "1.2k nodes" */
export function counted(written: string, one: string, many: string): string {
  return `${written} ${written === "1" ? one : many}`;
}

/** A duration in the largest fitting unit. */
export function wait(seconds: number): string {
  if (seconds < 100) return `${number.format(seconds)} s`;
  if (seconds < 5400) return count(Math.ceil(seconds / 60), "minute", "minutes");
  return count(Math.ceil(seconds / 3600), "hour", "hours");
}

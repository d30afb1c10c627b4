/** Numbers and what is counted with them, as English puts it. */

export const number = new Intl.NumberFormat("en");

/** "1 node", "1,000 nodes" */
export function count(n: number, one: string, many: string): string {
  return `${number.format(n)} ${n === 1 ? one : many}`;
}

/** How long something takes, in the unit that people would say. */
export function wait(seconds: number): string {
  if (seconds < 100) return `${number.format(seconds)} s`;
  if (seconds < 5400) return count(Math.ceil(seconds / 60), "minute", "minutes");
  return count(Math.ceil(seconds / 3600), "hour", "hours");
}

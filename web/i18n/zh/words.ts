/** Numbers, counts and durations in Chinese. */

export const number = new Intl.NumberFormat("zh-CN");

/** A duration in the largest fitting unit. */
export function wait(seconds: number): string {
  if (seconds < 100) return `${number.format(seconds)} 秒`;
  if (seconds < 5400) return `${number.format(Math.ceil(seconds / 60))} 分钟`;
  return `${number.format(Math.ceil(seconds / 3600))} 小时`;
}

/** Numbers and what is counted with them, as Chinese puts it. */

export const number = new Intl.NumberFormat("zh-CN");

/** How long something takes, in the unit that people would say. */
export function wait(seconds: number): string {
  if (seconds < 100) return `${number.format(seconds)} 秒`;
  if (seconds < 5400) return `${number.format(Math.ceil(seconds / 60))} 分钟`;
  return `${number.format(Math.ceil(seconds / 3600))} 小时`;
}

/** The gateway's time, as far as this browser knows it: its own clock may be an hour off. */

let skewMs = 0;

/** Takes the `Date` of an answer that has just come in. */
export function noteServerDate(date: string | null, nowMs: number = Date.now()): void {
  const serverMs = date === null ? NaN : Date.parse(date);
  if (!Number.isNaN(serverMs)) skewMs = serverMs - nowMs;
}

/** UTC milliseconds by the gateway's clock, to about a second. */
export function serverNow(nowMs: number = Date.now()): number {
  return nowMs + skewMs;
}

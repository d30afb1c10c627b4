/** The gateway's time, estimated from its answers: the browser's own clock may be an hour off. */

let skewMs = 0;

/** Takes the `Date` header of an answer that has just arrived; null or a malformed one changes nothing. */
export function noteServerDate(date: string | null, nowMs: number = Date.now()): void {
  const serverMs = date === null ? NaN : Date.parse(date);
  if (!Number.isNaN(serverMs)) skewMs = serverMs - nowMs;
}

/** UTC milliseconds by the gateway's clock, accurate to about a second. */
export function serverNow(nowMs: number = Date.now()): number {
  return nowMs + skewMs;
}

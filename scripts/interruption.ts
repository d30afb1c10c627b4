/** Ctrl-C and its relatives, handled once each time that a person means it. */

/**
 * At Ctrl-C the terminal tells us, and `bun run`, which it tells too, passes it on: what comes
 * within this time is the same keystroke.
 */
const SAME_KEYSTROKE_MS = 500;

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Calls `stop` at the first interruption and `force` at each later one. From now on none ends the process by itself. */
export function onInterruption(stop: () => void, force: () => void = () => {}): void {
  let lastMs: number | null = null;
  const hear = () => {
    const nowMs = performance.now();
    if (lastMs === null) stop();
    else if (nowMs - lastMs > SAME_KEYSTROKE_MS) force();
    lastMs = nowMs;
  };
  for (const signal of signals) process.on(signal, hear);
}

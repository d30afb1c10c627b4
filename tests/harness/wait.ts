/** Waiting for a condition, with an end and a reason. */

/**
 * Resolves with the first value of `probe` that is neither undefined, null nor false.
 * Rejects after `deadlineMs`, saying what was waited for and what the last probe found or threw.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  deadlineMs = DEADLINE_MS,
): Promise<Exclude<NonNullable<T>, false>> {
  const endAt = performance.now() + deadlineMs;
  let last: unknown;
  while (performance.now() < endAt) {
    try {
      last = await probe();
      if (last !== undefined && last !== null && last !== false) {
        return last as Exclude<NonNullable<T>, false>;
      }
    } catch (error) {
      last = error;
    }
    await Bun.sleep(PAUSE_MS);
  }
  throw new Error(`Waited ${deadlineMs} ms until ${what}: it did not; last seen: ${shown(last)}`);
}

/** Rejects when `promise` is not settled within `deadlineMs`. */
export function within<T>(what: string, promise: Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Waited ${deadlineMs} ms for ${what}: it did not come`)),
    deadlineMs,
  );
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const PAUSE_MS = 10;

/** Long, because it ends only what has failed: a machine that is busy with others may take many times its usual time. */
const DEADLINE_MS = 60_000;

function shown(value: unknown): string {
  return value instanceof Error ? value.message : JSON.stringify(value) ?? "nothing";
}

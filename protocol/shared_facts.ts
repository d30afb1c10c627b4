/**
 * What holds of a model whichever of its servers a caller gets: a fact is known only if all that
 * serve the model state it. A node merges its providers with it, and a gateway its nodes.
 */

type Stated<T> = T | null | undefined;

/** The smallest of the numbers; null: not all of them are known. */
export function leastOf(numbers: readonly Stated<number>[]): number | null {
  if (numbers.length === 0 || numbers.some(isUnknown)) return null;
  return Math.min(...numbers as number[]);
}

/** Whether all flags are true. One that is false settles it; null: none is false, and not all are known. */
export function everyOf(flags: readonly Stated<boolean>[]): boolean | null {
  if (flags.includes(false)) return false;
  return flags.length === 0 || flags.some(isUnknown) ? null : true;
}

/** Whether one of the flags is true; null: none is true, and not all are known. */
export function anyOf(flags: readonly Stated<boolean>[]): boolean | null {
  if (flags.includes(true)) return true;
  return flags.length === 0 || flags.some(isUnknown) ? null : false;
}

function isUnknown(fact: unknown): boolean {
  return fact === null || fact === undefined;
}

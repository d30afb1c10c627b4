/** Guesses which known key a misspelt one stands for. */

import { distance } from "fastest-levenshtein";

/** The known key that takes the fewest edits, or null if none is near. */
export function didYouMean(key: string, known: readonly string[]): string | null {
  const [best] = known
    .map((candidate) => ({ candidate, edits: distance(plain(key), plain(candidate)) }))
    .filter(({ candidate, edits }) => edits <= Math.max(2, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.edits - b.edits);
  return best?.candidate ?? null;
}

/** `maxParallel` and `max-parallel` are `max_parallel` in another case style, not misspellings of it. */
function plain(key: string): string {
  return key.toLowerCase().replaceAll(/[-_]/g, "");
}

/** Suggests names for one that no node serves. */

import { distance } from "fastest-levenshtein";

/** Names further away are not suggested. */
const MAX_EDITS = 5;

/** So many names are looked at, because callers choose `typed` and nodes choose thousands of names. */
const MAX_LOOKED_AT = 10_000;

/** Of so many names, those that differ least by their letters, the distance is computed, which costs most. */
const MAX_DISTANCES = 64;

/** So many characters are compared letter by letter to find those. */
const MAX_COMPARED_CHARS = 200_000;

/** At most three known names, nearest first, that are a few edits away from `typed`, contain it or are part of it. */
export function didYouMean(typed: string, known: Iterable<string>): string[] {
  const wanted = typed.toLowerCase();
  const maxEdits = Math.min(Math.max(2, Math.floor(wanted.length / 3)), MAX_EDITS);
  const letters = new LetterCounts(wanted);
  const parts: [edits: number, name: string][] = [];
  const candidates: [minEdits: number, name: string][] = [];
  let lookedAt = 0;
  let charsLeft = MAX_COMPARED_CHARS;
  for (const name of known) {
    if (++lookedAt > MAX_LOOKED_AT) break;
    const candidate = name.toLowerCase();
    if (wanted.length >= 3 && (candidate.includes(wanted) || wanted.includes(candidate))) {
      parts.push([1, name]);
    } else if (charsLeft > 0 && Math.abs(candidate.length - wanted.length) <= maxEdits) {
      charsLeft -= candidate.length;
      const least = letters.minEdits(candidate);
      if (least <= maxEdits) candidates.push([least, name]);
    }
  }
  if (candidates.length > MAX_DISTANCES) candidates.sort((a, b) => a[0] - b[0]);
  const near = candidates.slice(0, MAX_DISTANCES)
    .map(([, name]): [number, string] => [distance(wanted, name.toLowerCase()), name])
    .filter(([edits]) => edits <= maxEdits);
  return [...parts, ...near].sort((a, b) => a[0] - b[0] || compare(a[1], b[1])).slice(0, 3)
    .map(([, name]) => name);
}

const { compare } = new Intl.Collator();

/**
 * A lower bound of texts' distances from one text, computed from the characters that both have; far
 * cheaper than the distance. It touches each character twice, and no other: thousands of names are
 * compared for one request.
 */
class LetterCounts {
  readonly #left = new Int16Array(128);

  constructor(private readonly text: string) {
    for (let i = 0; i < text.length; i++) this.#left[text.charCodeAt(i) & 127]!++;
  }

  minEdits(other: string): number {
    let common = 0;
    for (let i = 0; i < other.length; i++) {
      if (this.#left[other.charCodeAt(i) & 127]!-- > 0) common++;
    }
    for (let i = 0; i < other.length; i++) this.#left[other.charCodeAt(i) & 127]!++;
    return Math.max(this.text.length, other.length) - common;
  }
}

/** Suggests names for one that no node serves. */

import { distance } from "fastest-levenshtein";

/** Names further away are not suggested. */
const MAX_EDITS = 5;

/** At most three known names, nearest first, that are a few edits away from `typed`, contain it or are part of it. */
export function didYouMean(typed: string, known: Iterable<string>): string[] {
  const wanted = typed.toLowerCase();
  const maxEdits = Math.min(Math.max(2, Math.floor(wanted.length / 3)), MAX_EDITS);
  const scored: [edits: number, name: string][] = [];
  for (const name of known) {
    const candidate = name.toLowerCase();
    const isPart = wanted.length >= 3 && (candidate.includes(wanted) || wanted.includes(candidate));
    if (!isPart && minEdits(wanted, candidate) > maxEdits) continue;
    const edits = isPart ? 1 : distance(wanted, candidate);
    if (edits <= maxEdits) scored.push([edits, name]);
  }
  return scored.sort((a, b) => a[0] - b[0] || a[1].localeCompare(b[1])).slice(0, 3)
    .map(([, name]) => name);
}

const counts = new Int16Array(128);

/**
 * A lower bound of the distance, computed from how often each character occurs in either text. It
 * is far cheaper than the distance, which matters because callers choose `typed` and nodes choose
 * thousands of names.
 */
function minEdits(a: string, b: string): number {
  counts.fill(0);
  for (let i = 0; i < a.length; i++) counts[a.charCodeAt(i) & 127]!++;
  for (let i = 0; i < b.length; i++) counts[b.charCodeAt(i) & 127]!--;
  let missing = 0;
  let surplus = 0;
  for (const count of counts) {
    if (count > 0) surplus += count;
    else missing -= count;
  }
  return Math.max(missing, surplus);
}

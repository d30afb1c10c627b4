/** Suggests names for one that no node serves. */

import { distance } from "fastest-levenshtein";

/** A name that takes more edits was meant otherwise. */
const MAX_EDITS = 5;

/** At most three known names that are a few typing mistakes away, or contain what was typed; nearest first. */
export function nearNames(typed: string, known: Iterable<string>): string[] {
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
 * A lower bound of the distance, from how often each character stands in either text. Far cheaper
 * than the distance: any caller may ask, among thousands of names that any node may have chosen.
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

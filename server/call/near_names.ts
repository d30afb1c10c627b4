/** Names that somebody may have meant. */

/** At most three known names that are a few typing mistakes away, or contain what was typed; nearest first. */
export function nearNames(typed: string, known: Iterable<string>): string[] {
  const wanted = typed.toLowerCase().slice(0, 100);
  const scored: [distance: number, name: string][] = [];
  for (const name of known) {
    const candidate = name.toLowerCase();
    const isPart = wanted.length >= 3 && (candidate.includes(wanted) || wanted.includes(candidate));
    const distance = isPart ? 1 : editDistance(wanted, candidate);
    if (distance <= Math.max(2, wanted.length / 3)) scored.push([distance, name]);
  }
  return scored.sort((a, b) => a[0] - b[0] || a[1].localeCompare(b[1])).slice(0, 3)
    .map(([, name]) => name);
}

/** Levenshtein's distance, one row at a time; far-off lengths are not worth computing. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > a.length / 3 + 2) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replace, above[j]! + 1, row[j - 1]! + 1);
    }
  }
  return row[b.length]!;
}

/** Names that somebody may have meant. */

/** More are no slips of the fingers; and the fewer they are, the sooner a name is known to be far. */
const MOST_MISTAKES = 5;

/** At most three known names that are a few typing mistakes away, or contain what was typed; nearest first. */
export function nearNames(typed: string, known: Iterable<string>): string[] {
  const wanted = typed.toLowerCase();
  const mistakes = Math.min(Math.max(2, Math.floor(wanted.length / 3)), MOST_MISTAKES);
  const scored: [distance: number, name: string][] = [];
  for (const name of known) {
    const candidate = name.toLowerCase();
    const isPart = wanted.length >= 3 && (candidate.includes(wanted) || wanted.includes(candidate));
    const distance = isPart ? 1 : editDistance(wanted, candidate, mistakes);
    if (distance <= mistakes) scored.push([distance, name]);
  }
  return scored.sort((a, b) => a[0] - b[0] || a[1].localeCompare(b[1])).slice(0, 3)
    .map(([, name]) => name);
}

/**
 * Levenshtein's distance, or Infinity where it is more than `most`: only cells so near to the
 * diagonal are computed, and none once a whole row is too far. Anybody may ask, among thousands of
 * names that anybody may have chosen.
 */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  let above = new Array<number>(row.length);
  for (let i = 1; i <= a.length; i++) {
    [above, row] = [row, above];
    const from = Math.max(1, i - most);
    const to = Math.min(b.length, i + most);
    row[from - 1] = from === 1 ? i : Infinity;
    let least = row[from - 1]!;
    for (let j = from; j <= to; j++) {
      const replace = above[j - 1]! + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1);
      const remove = j === i + most ? Infinity : above[j]! + 1;
      row[j] = Math.min(replace, remove, row[j - 1]! + 1);
      least = Math.min(least, row[j]!);
    }
    if (least > most) return Infinity;
  }
  return row[b.length]!;
}

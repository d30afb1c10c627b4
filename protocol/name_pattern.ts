/** Patterns for names, such as `llama3*` or `*-vision`: a star matches any characters, or none. */

/** Whether the pattern matches the whole name. Case is ignored: providers differ in it. */
export function fitsPattern(name: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.toLowerCase().split("*");
  const text = name.toLowerCase();
  if (rest.length === 0) return text === first;
  const last = rest.pop()!;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  // Matching each part as early as possible leaves the most room for the next: no backtracking is needed.
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= end;
}

/** Patterns for names, such as `llama3*` or `*-vision`: a star stands for any characters, also none. */

/** Whether the whole name fits. Upper and lower case are the same: providers do not agree on it. */
export function fitsPattern(name: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.toLowerCase().split("*");
  const text = name.toLowerCase();
  if (rest.length === 0) return text === first;
  const last = rest.pop()!;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  // The leftmost place of each part leaves the most room for the next: no way back is needed.
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= end;
}

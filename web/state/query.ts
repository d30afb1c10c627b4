/** The filter that a person types: words that must all occur. */

/** Whether the text contains every word of `query`, regardless of case. */
export function matches(query: string, text: string): boolean {
  const lower = text.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}

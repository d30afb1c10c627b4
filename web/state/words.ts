/** Looking up and finding words. */

/** Whether a table has a text for the code: a newer gateway may send codes that this console does not know. */
export function has<T extends object>(table: T, key: PropertyKey): key is keyof T {
  return Object.hasOwn(table, key);
}

/** Whether the text contains every word of `query`, regardless of case. */
export function matches(query: string, text: string): boolean {
  const lower = text.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}

/** Lists of names that people type, with the commas of either language. */

/** The names in a text, each once, in their order: `，` and `、` part them as `,` does. */
export function namesIn(text: string): string[] {
  return [...new Set(text.split(/[,，、]/).map((name) => name.trim()).filter(Boolean))];
}

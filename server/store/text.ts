/** Text as databases take it. */

/** PostgreSQL refuses NUL and half a character in text, and strangers choose some of it. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}

/** `text like pattern escape '\'` with this pattern finds the text anywhere, wildcards in it being letters. */
export function containing(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, "\\$&")}%`;
}

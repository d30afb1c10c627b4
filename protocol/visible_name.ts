/** Which texts may be shown to others as a name: those in which every character can be seen. */

/** The rule, to stand after "must be" in messages. */
export const VISIBLE_NAME_RULE =
  "visible text, without line breaks, control characters, marks of direction or other invisible characters";

/**
 * Control, format, surrogate and private characters, line and paragraph separators, and letters that
 * are drawn as nothing. api/fields.ts repeats the pattern, which a test compares.
 */
const INVISIBLE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/u;

/** Whether no character of the text is invisible, and at least one is no blank. */
export function isVisibleName(text: string): boolean {
  return !INVISIBLE.test(text) && text.trim() !== "";
}

/** Texts that were made in English, in Chinese. Also runs in browsers. */

/**
 * Finds a phrase at the end of a text and puts its Chinese there, with the phrases that are its values.
 * Words before a phrase, such as a place in a file, stay as they are; so does a text that is no phrase.
 * `chinese`: by the English phrase, with `{0}`, `{1}` … in the place of its values.
 */
export function inChineseOf(chinese: Readonly<Record<string, string>>): (text: string) => string {
  const known = Object.entries(chinese).map(([english, text]) => ({
    pattern: patternOf(english),
    weight: english.replaceAll(/\{\d\}/g, "").length,
    text,
  })).sort((a, b) => b.weight - a.weight);
  const inChinese = (text: string): string | null => {
    for (const { pattern, text: translated } of known) {
      const found = pattern.exec(text);
      if (found === null) continue;
      const values = found.slice(1).map((value) => inChinese(value) ?? value);
      return filled(translated, values);
    }
    return null;
  };
  return (text) => {
    for (let at = 0; at >= 0; at = text.indexOf(" ", at) + 1 || -1) {
      const translated = inChinese(text.slice(at));
      if (translated !== null) return text.slice(0, at) + translated;
    }
    return text;
  };
}

/** A value that begins a phrase is one word: what stands before it belongs to no phrase. */
function patternOf(english: string): RegExp {
  const source = english.split(/(\{\d\})/).filter(Boolean).map((part, i) =>
    !/^\{\d\}$/.test(part)
      ? part.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")
      : i === 0
      ? "(\\S+)"
      : "(.+?)"
  ).join("");
  return new RegExp(`^${source}$`, "s");
}

/** The text with the values in their places. */
export function filled(text: string, values: readonly unknown[]): string {
  return text.replaceAll(/\{(\d)\}/g, (_, i: string) => String(values[Number(i)]));
}

/** Finds sections of the manual. Words are looked for anywhere in the text, which serves Chinese, too. */

/** As `search.json` lists them. */
export type Section = readonly [
  page: string,
  id: string,
  pageTitle: string,
  title: string,
  text: string,
];

const MAX_RESULTS = 12;
const EXCERPT_CHARS = 160;

/** The sections that contain every word of the query, best first. */
export function find(sections: readonly Section[], query: string): Section[] {
  const words = wordsOf(query);
  if (words.length === 0) return [];
  return sections.map((section) => ({ section, score: scoreOf(section, words) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, MAX_RESULTS)
    .map(({ section }) => section);
}

function wordsOf(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter((word) => word !== "");
}

/** A hit in a title weighs more than one in the text; 0: a word is missing. */
function scoreOf([, id, pageTitle, title, text]: Section, words: readonly string[]): number {
  let score = 0;
  for (const word of words) {
    const weight = weightOf(title, word) * 8 + weightOf(id, word) * 4 +
      weightOf(pageTitle, word) * 3 +
      weightOf(text, word);
    if (weight === 0) return 0;
    score += weight;
  }
  return score;
}

/** 3: the whole, 2: begins a word, 1: somewhere. */
function weightOf(text: string, word: string): number {
  const lower = text.toLowerCase();
  const at = lower.indexOf(word);
  if (at === -1) return 0;
  if (lower === word) return 3;
  return at === 0 || /[^\p{L}\p{N}]/u.test(lower[at - 1]!) ? 2 : 1;
}

/** A part of the section's text around the first hit, with all hits in it marked. */
export function excerptOf(
  [, , , , text]: Section,
  query: string,
): { text: string; isHit: boolean }[] {
  const words = wordsOf(query);
  const lower = text.toLowerCase();
  const hits = words.map((word) => lower.indexOf(word)).filter((at) => at !== -1);
  const start = Math.max(0, Math.min(...hits, text.length) - EXCERPT_CHARS / 4);
  const from = hits.length === 0 ? 0 : start;
  const shown = `${from > 0 ? "…" : ""}${text.slice(from, from + EXCERPT_CHARS)}${
    from + EXCERPT_CHARS < text.length ? "…" : ""
  }`;
  const pattern = words.map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  return shown.split(new RegExp(`(${pattern})`, "giu")).map((part, i) => ({
    text: part,
    isHit: i % 2 === 1,
  })).filter(({ text }) => text !== "");
}

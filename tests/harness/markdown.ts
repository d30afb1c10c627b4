/** A Markdown file, taken apart as far as the documentation's tests look into it. */

import { readFileSync } from "node:fs";
import { at } from "../../scripts/root.ts";

export interface Fence {
  language: string;
  text: string;
}

export interface Markdown {
  /** From the repository's root. */
  path: string;
  headings: { level: number; text: string }[];
  fences: Fence[];
  /** Each by its rows, the head row first, and these by their cells. */
  tables: string[][][];
  /** The rows of all tables. */
  rows: string[][];
  /** Where links lead, as they are written. */
  links: string[];
  /** What stands in backticks outside fences. */
  inlineCode: string[];
  /** Everything but fences. */
  prose: string;
}

// In an item of a list, a fence is indented.
const FENCE = /^ *```(\w*)\n([\s\S]*?)^ *```$/gm;

/** Reads one; `path` from the repository's root. */
export function readMarkdown(path: string): Markdown {
  const text = readFileSync(at(path), "utf8");
  const prose = text.replaceAll(FENCE, "");
  const tables = [...prose.matchAll(/(?:^\|.*\|\n)+/gm)].map(([lines]) => tableOf(lines));
  return {
    path,
    headings: [...prose.matchAll(/^(#+) (.*)$/gm)].map(([, marks = "", text = ""]) => ({
      level: marks.length,
      text,
    })),
    fences: [...text.matchAll(FENCE)].map(([, language = "", text = ""]) => ({ language, text })),
    tables,
    rows: tables.flat(),
    links: [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target),
    inlineCode: [...prose.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code.replace(/\s+/g, " ")),
    prose,
  };
}

/** The text of the only fence in that language. */
export function fenceOf({ path, fences }: Markdown, language: string): string {
  const found = fences.filter((fence) => fence.language === language);
  if (found.length !== 1) throw new Error(`${path}: ${found.length} fences in ${language}, not 1`);
  return found[0]!.text;
}

/** Code alone: comments are prose, and may be translated. */
export function withoutComments({ language, text }: Fence): string {
  const comment = /^(javascript|js|ts)$/.test(language) ? /(^|\s+)\/\/.*$/gm : /(^|\s+)#.*$/gm;
  return text.replaceAll(comment, "");
}

/** Without the line between head and body. */
function tableOf(lines: string): string[][] {
  const [head = "", , ...body] = lines.trim().split("\n");
  return [head, ...body].map((line) =>
    line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"))
  );
}

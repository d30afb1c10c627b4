/** Why a text is no YAML that can be used, in sentences that name the slip instead of the parser's state. */

import { type Document, LineCounter, parseDocument, visit } from "yaml";
import { phrase } from "../../text/mod.ts";

interface YamlProblem {
  /** In the text, from 0. */
  offset: number;
  message: string;
}

export interface ParsedYaml {
  document: Document;
  /** The first of each line: the parser reports one slip several times. */
  problems: YamlProblem[];
  /** `2:7`, from 1. */
  placeOf(offset: number): string;
}

export function parseYaml(text: string): ParsedYaml {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const lines = new Set<number>();
  const problems = [...syntaxProblems(document), ...aliasProblems(document)].filter((problem) => {
    const { line } = lineCounter.linePos(problem.offset);
    return !lines.has(line) && lines.add(line);
  });
  const placeOf = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return `${line}:${col}`;
  };
  return { document, problems, placeOf };
}

/** Only the first: those after it mostly follow from it. */
function syntaxProblems({ errors }: Document): YamlProblem[] {
  return errors.slice(0, 1).map(({ code, message, pos }) => ({
    offset: pos[0],
    message: inWords(code, message),
  }));
}

/** The parser reports these only when values are read. */
function aliasProblems(document: Document): YamlProblem[] {
  if (document.errors.length > 0) return [];
  const found: YamlProblem[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      const message =
        phrase`no anchor &${alias.source} comes before *${alias.source}; put quotes around a value that begins with *`;
      found.push({ offset: alias.range?.[0] ?? 0, message });
    },
  });
  return found.length > 0 || !hasTooManyAliases(document) ? found : [{
    offset: 0,
    message: phrase`the aliases expand to too many values; write the values out`,
  }];
}

function hasTooManyAliases(document: Document): boolean {
  try {
    document.toJS();
    return false;
  } catch {
    return true;
  }
}

/** A message of the parser that no row knows is quoted. */
function inWords(code: string, message: string): string {
  for (const [pattern, words] of table) {
    const found = pattern.exec(`${code}: ${message}`);
    if (found !== null) return words(found[1] ?? "");
  }
  return message;
}

/** The parser's code and message, and what they mean to the writer of the file; the first row that fits counts. */
const table: readonly [reported: RegExp, words: (part: string) => string][] = [
  [/^TAB_AS_INDENT/, () => phrase`tabs cannot be used to indent; use spaces`],
  [/^DUPLICATE_KEY/, () => phrase`this key appears twice; remove one of them`],
  [/closing (["'])quote$/, (quote) => phrase`a quote ${quote} is opened but not closed`],
  [
    /end with a (.)$/,
    (bracket) => phrase`${bracket} is missing, or is indented less than what it closes`,
  ],
  [
    /followed by map values$|^MULTILINE_IMPLICIT_KEY/,
    () => phrase`a key needs a colon, a space and its value`,
  ],
  [/space after :/, () => phrase`a space is missing after the colon`],
  [
    /^MISSING_CHAR: (?:Missing ,|.*items must be separated)|^BLOCK_IN_FLOW/,
    () => phrase`a comma is missing between two values`,
  ],
  [/^MISSING_CHAR: Comments/, () => phrase`a space is missing before #`],
  [
    /same column$|block sequence may not|without - indicator$/,
    () => phrase`entries of one level must begin in the same column`,
  ],
  [/^BAD_INDENT/, () => phrase`the indentation of this line is wrong`],
  [
    /^BLOCK_AS_IMPLICIT_KEY/,
    () =>
      phrase`a value has another key in it; put quotes around the value, or check the next line's indentation`,
  ],
  [
    /^BAD_SCALAR_START: .*character (.)$/,
    (character) => phrase`a value that begins with ${character} must be in quotes`,
  ],
  [/^BAD_ALIAS/, () => phrase`a value that begins with ${"*"} must be in quotes`],
  [
    /^BAD_DQ_ESCAPE: .*sequence (\\.)/,
    (escape) =>
      phrase`${escape} means nothing in double quotes; double the backslash, or use single quotes`,
  ],
  [/^MULTIPLE_DOCS/, () => phrase`a second document begins here; remove the line ---`],
  [/^UNEXPECTED_TOKEN: Block scalar header/, () => phrase`nothing may follow | or > on its line`],
  [
    /^UNEXPECTED_TOKEN: .*flow-(?:seq|map)-end.*"(.)"$/,
    (bracket) => phrase`${bracket} closes nothing; put quotes around a value that contains it`,
  ],
  [
    /^UNEXPECTED_TOKEN: .*at node end$/,
    () => phrase`there is text after the end of a value; put quotes around all of it`,
  ],
];

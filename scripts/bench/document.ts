/** Puts a report's tables into docs/benchmarks.md and its Chinese edition, each between its two marks. */

import { readFileSync, writeFileSync } from "node:fs";
import { run } from "../program.ts";
import { at, root } from "../root.ts";
import type { Report } from "./report.ts";
import type { Row } from "./row.ts";
import { markdown } from "./table.ts";

/** The tables are the same in both. */
const DOCUMENTS = [at("docs", "benchmarks.md"), at("docs", "benchmarks.zh.md")];
/** Of the programs' figures, and of those that need no server. */
const TABLES = ["bench", "lone"] as const;

/** Replaces the tables of which the report has all rows. Throws when it has those of none, or marks are missing. */
export async function writeDocument(report: Report): Promise<string> {
  const rowsOf = (name: typeof TABLES[number]) =>
    report.rows.filter(({ isLone = false }) => isLone === (name === "lone"));
  const isWhole = { bench: report.isWhole !== false, lone: report.rows.some(isOfAnswers) };
  const whole = TABLES.filter((name) => isWhole[name] && rowsOf(name).length > 0);
  if (whole.length === 0) {
    throw new Error("Cannot write a table: the report has only some of its figures");
  }
  for (const path of DOCUMENTS) {
    let document = readFileSync(path, "utf8");
    for (const name of whole) {
      document = replaced(document, name, markdown({ ...report, rows: rowsOf(name) }));
    }
    writeFileSync(path, document);
  }
  // The checks ask of this document what they ask of every other.
  const deno = [process.execPath, at("node_modules", "deno", "bin.cjs")];
  const { code, output } = await run([...deno, "fmt", "--quiet", ...DOCUMENTS], { cwd: root });
  const paths = DOCUMENTS.join(", ");
  if (code !== 0) throw new Error(`Cannot format ${paths}: ${output}`);
  return paths;
}

/** The document with what stands between the marks of that name replaced. */
export function replaced(document: string, name: string, table: string): string {
  const marks = {
    begin: `<!-- ${name}: begin, written by \`bun scripts/bench.ts --write-docs\` -->`,
    end: `<!-- ${name}: end -->`,
  };
  const begin = document.indexOf(marks.begin);
  const end = document.indexOf(marks.end);
  if (begin < 0 || end < begin) {
    throw new Error(`Cannot write the table: the document lacks "${marks.begin}" … "${marks.end}"`);
  }
  const before = document.slice(0, begin + marks.begin.length);
  return `${before}\n\n${table}\n\n${document.slice(end)}`;
}

/** The simulated rows take long, so a report that has them was made for the table. */
function isOfAnswers({ figure }: Row): boolean {
  return figure.startsWith("Answers end");
}

/** Puts a report's table into docs/benchmarks.md, between its two marks. */

import { readFileSync, writeFileSync } from "node:fs";
import { run } from "../program.ts";
import { at, root } from "../root.ts";
import type { Report } from "./report.ts";
import { markdown } from "./table.ts";

const DOCUMENT = at("docs", "benchmarks.md");
const BEGIN = "<!-- bench: begin, written by `bun scripts/bench.ts --write-docs` -->";
const END = "<!-- bench: end -->";

/** Throws when the marks are missing. */
export async function writeDocument(report: Report): Promise<string> {
  writeFileSync(DOCUMENT, replaced(readFileSync(DOCUMENT, "utf8"), markdown(report)));
  // The checks ask of this document what they ask of every other.
  const deno = [process.execPath, at("node_modules", "deno", "bin.cjs")];
  const { code, output } = await run([...deno, "fmt", "--quiet", DOCUMENT], { cwd: root });
  if (code !== 0) throw new Error(`Cannot format ${DOCUMENT}: ${output}`);
  return DOCUMENT;
}

/** The document with what stands between the marks replaced. */
export function replaced(document: string, table: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`Cannot write the table: the document lacks "${BEGIN}" … "${END}"`);
  }
  return `${document.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${document.slice(end)}`;
}

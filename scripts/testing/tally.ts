/** How many passed, failed and were skipped, and the names of those that did not pass. */

import { existsSync, readFileSync } from "node:fs";

export interface Tally {
  passed: number;
  /** One name each. */
  failed: string[];
  skipped: string[];
}

/**
 * Reads what `bun test --reporter=junit` wrote. A run that ended badly without naming a failed
 * test (a file that does not load, a hook that threw, a crash) counts as one failure.
 */
export function readTally(file: string, exitCode: number): Tally {
  const xml = existsSync(file) ? readFileSync(file, "utf8") : "";
  const tally: Tally = { passed: 0, failed: [], skipped: [] };
  for (const [, attributes = "", body = ""] of xml.matchAll(TEST_CASE)) {
    const name = `${attribute(attributes, "file")}: ${attribute(attributes, "name")}`;
    if (/<(failure|error)\b/.test(body)) tally.failed.push(name);
    else if (/<skipped\b/.test(body)) tally.skipped.push(name);
    else tally.passed++;
  }
  if (exitCode !== 0 && tally.failed.length === 0) {
    tally.failed.push(`bun test ended with ${exitCode} and named no failed test: see above`);
  }
  return tally;
}

const TEST_CASE = /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

const entities: Record<string, string> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value.replace(/&(lt|gt|quot|apos|amp);/g, (entity) => entities[entity] ?? entity);
}

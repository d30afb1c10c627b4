/** Which unit tests reach a file: those that import it, directly or through others, nearest first. */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { at } from "../root.ts";

/** Tests farther away than these rarely notice what nearer ones do not. */
const MOST = 12;

let importers: Map<string, string[]> | null = null;

/** Paths of at most 12 unit tests. `paths` are all files of the project. */
export function nearestTests(path: string, paths: readonly string[]): string[] {
  importers ??= readImporters(paths);
  const seen = new Set([path]);
  const tests: string[] = [];
  for (let ring = [path]; ring.length > 0 && tests.length < MOST;) {
    const next = ring.flatMap((file) => importers!.get(file) ?? []).filter((file) =>
      !seen.has(file)
    );
    for (const file of next) seen.add(file);
    tests.push(...new Set(next.filter((file) => /_test\.tsx?$/.test(file))));
    ring = [...new Set(next)];
  }
  return tests.slice(0, MOST);
}

/** For each file, those that import it. Whole-system tests import no product code that matters. */
function readImporters(paths: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const sources = paths.filter((path) => /\.tsx?$/.test(path) && !path.startsWith("tests/"));
  for (const path of sources) {
    for (const [, target = ""] of readFileSync(at(path), "utf8").matchAll(IMPORTED)) {
      const imported = join(dirname(path), target);
      found.set(imported, [...found.get(imported) ?? [], path]);
    }
  }
  return found;
}

const IMPORTED = /(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g;

/**
 * Loaded before each task of package.json (`bun --preload`): prints the task's usage for `--help`,
 * which is the comment that its file begins with, and installs what the task imports where that is
 * missing. Imports no dependency, so it runs in a fresh clone.
 */

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { installTools } from "./install.ts";
import { Steps } from "./steps.ts";

/** The other tasks bring what they need themselves, and need less. */
const withTools: ReadonlySet<string> = new Set([
  "bench.ts",
  "bench_usage.ts",
  "compatibility.ts",
  "mutants.ts",
  "screenshots.ts",
  "soak.ts",
]);

/** These list by themselves, after their usage, what they can be asked for. */
const withLists: ReadonlySet<string> = new Set(["bench.ts", "soak.ts"]);

const [, script = "", ...words] = process.argv;
const isHelp = words.includes("--help") || words.includes("-h");
if (isHelp) console.log(usageIn(readFileSync(script, "utf8")));
if (isHelp && !withLists.has(basename(script))) process.exit(0);
if (withTools.has(basename(script))) await installTools(new Steps());

/** The text of the comment that a script begins with. */
function usageIn(source: string): string {
  const [, comment = ""] = /^\/\*\*(.*?)\*\//s.exec(source) ?? [];
  return comment.replaceAll(/^ \* ?/gm, "").trim();
}

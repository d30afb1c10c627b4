/** Files that describe a service: written once, and never again once somebody has edited them. */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const MARK = "Written by Co-Link, unchanged while this fits the rest: sha256 ";

/** The text with a first comment that says whether it was changed since. */
function marked(text: string, comment: (line: string) => string, head: string): string {
  const hash = createHash("sha256").update(text).digest("hex");
  return `${head}${comment(MARK + hash)}\n${text}`;
}

export interface UnitFile {
  path: string;
  text: string;
  comment: (line: string) => string;
  /** What must stand before the mark, such as XML's first line. */
  head?: string;
}

/** Whether the file is as it was written, or absent. */
function isUntouched({ path, head = "" }: Pick<UnitFile, "path" | "head">): boolean {
  if (!existsSync(path)) return true;
  const text = readFileSync(path, "utf8").slice(head.length);
  const [first = "", ...rest] = text.split("\n");
  const hash = new RegExp(`${MARK}([0-9a-f]{64})`).exec(first)?.[1];
  return hash === createHash("sha256").update(rest.join("\n")).digest("hex");
}

/** Writes the file unless somebody has edited it; false: it was left alone. */
export function writeUnit(file: UnitFile): boolean {
  if (!isUntouched(file)) return false;
  mkdirSync(dirname(file.path), { recursive: true });
  writeFileSync(file.path, marked(file.text, file.comment, file.head ?? ""), { mode: 0o644 });
  return true;
}

/** Removes the file unless somebody has edited it; false: it was left alone. */
export function removeUnit(file: Pick<UnitFile, "path" | "head">): boolean {
  if (!isUntouched(file)) return false;
  rmSync(file.path, { force: true });
  return true;
}

/** The text as XML's, such as launchd's, has it between two tags. */
export function xml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

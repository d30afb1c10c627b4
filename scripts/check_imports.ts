/** Holds the sources to the house's rules of direction (`import_rules.ts`): rooms, reserved names, no cycles. */

import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { type Reserved, reserved, type Room, rooms } from "./import_rules.ts";
import { root } from "./root.ts";

/** One import of a source file. */
export interface Import {
  /** A path from the root, or a package's name. */
  target: string;
  isPackage: boolean;
  typeOnly: boolean;
}

/** A source file as the rules see it; `code` is without comments. */
export interface Source {
  path: string;
  imports: readonly Import[];
  code: string;
}

/** Every breach of the rules under `folder`, one sentence each; empty when all is well. */
export function breaches(folder: string): string[] {
  const sources = readSources(folder);
  return [
    ...sources.flatMap(roomBreaches),
    ...sources.flatMap((source) => reserved.flatMap((rule) => reservedBreaches(source, rule))),
    ...cycles(sources).map((path) => `Import cycle: ${path.join(" → ")}`),
  ];
}

function readSources(folder: string): Source[] {
  const pattern = "{protocol,log,api,service,server,client,web,scripts}/**/*.{ts,tsx}";
  const paths = [...new Bun.Glob(pattern).scanSync({ cwd: folder }), "mod.ts"];
  return paths.filter((path) => !isTest(path)).sort().flatMap((path) => readSource(folder, path));
}

/** Tests may reach for whatever they need. */
function isTest(path: string): boolean {
  return /_test\.tsx?$|_suite\.ts$|(^|\/)(testing\/|test_)/.test(path);
}

function readSource(folder: string, path: string): Source[] {
  let text: string;
  try {
    text = readFileSync(join(folder, path), "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return [];
    throw error;
  }
  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, "");
  return [{ path, code, imports: importsOf(path, text, code) }];
}

function importsOf(path: string, text: string, code: string): Import[] {
  const scanner = path.endsWith("x") ? scanners.tsx : scanners.ts;
  const values = scanner.scanImports(text).map((found) => found.path);
  // The scanner leaves out what is erased at run time; for direction it counts just the same.
  const all = [...code.matchAll(IMPORT)].map((match) => match[1] ?? "");
  return [...new Set([...values, ...all])].map((specifier) => ({
    target: specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : specifier,
    isPackage: !specifier.startsWith("."),
    typeOnly: !values.includes(specifier),
  }));
}

const scanners = {
  ts: new Bun.Transpiler({ loader: "ts" }),
  tsx: new Bun.Transpiler({ loader: "tsx" }),
};
const IMPORT = /^\s*(?:import|export)\b[^"';]*?from\s*["']([^"']+)["']/gm;

function roomBreaches({ path, imports }: Source): string[] {
  const room = roomOf(path);
  return imports.filter((one) => !one.isPackage).flatMap(({ target, typeOnly }) => {
    const other = roomOf(target);
    if (room === undefined || other === undefined || room === other) return [];
    if (room.may.includes(other.path)) return [];
    if (typeOnly && room.mayType?.includes(other.path)) return [];
    return [`${path} imports ${target}: ${room.path} may import ${listed(room)}`];
  });
}

function roomOf(path: string): Room | undefined {
  return rooms.filter((room) => isWithin(path, room.path))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
}

function listed({ may, mayType }: Room): string {
  const types = mayType?.map((path) => `types of ${path}`) ?? [];
  return [...may, ...types].join(", ") || "nothing of ours";
}

function reservedBreaches({ path, imports, code }: Source, rule: Reserved): string[] {
  if (!rule.within.some((place) => isWithin(path, place))) return [];
  if (rule.only.some((place) => isWithin(path, place))) return [];
  const named = imports.find((one) => one.isPackage && rule.packages?.test(one.target))?.target ??
    rule.words?.exec(code)?.[0];
  return named === undefined
    ? []
    : [`${path} names ${named}: ${rule.what} belongs to ${rule.only.join(", ")}`];
}

function isWithin(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

/** Each cycle once, as the files that one passes on the way round. */
function cycles(sources: readonly Source[]): string[][] {
  const edges = new Map(
    sources.map(({ path, imports }) =>
      [path, imports.filter((one) => !one.isPackage).map((one) => one.target)] as const
    ),
  );
  const done = new Set<string>();
  const found: string[][] = [];
  const visit = (path: string, way: string[]) => {
    const at = way.indexOf(path);
    if (at !== -1) return void found.push([...way.slice(at), path]);
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
}

if (import.meta.main) {
  const found = breaches(root);
  for (const breach of found) console.error(breach);
  if (found.length > 0) process.exit(1);
}

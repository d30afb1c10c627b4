/** A short name of a browser and its system, from the User-Agent header. */

const programs: readonly [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrom(e|ium)\//, "Chrome"],
  [/Safari\//, "Safari"],
  [/curl\//, "curl"],
];

const systems: readonly [RegExp, string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** Null for no header; an unknown program's header is returned as it is. */
export function programName(userAgent: string | null): string | null {
  if (userAgent === null) return null;
  const find = (table: readonly [RegExp, string][]) =>
    table.find(([pattern]) => pattern.test(userAgent))?.[1];
  const program = find(programs);
  return program === undefined ? userAgent : [program, find(systems)].filter(Boolean).join(" · ");
}

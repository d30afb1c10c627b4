/** A browser's name for itself, in two words: what people call it, and where it runs. */

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

/** Null: it gave no name. One that is not known is shown as it is. */
export function programName(userAgent: string | null): string | null {
  if (userAgent === null) return null;
  const find = (table: readonly [RegExp, string][]) =>
    table.find(([pattern]) => pattern.test(userAgent))?.[1];
  const program = find(programs);
  return program === undefined ? userAgent : [program, find(systems)].filter(Boolean).join(" · ");
}

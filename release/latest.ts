/** latest.json: which version a release is, and whether that is newer than the one that runs. */

import type { BuildFacts } from "./build_facts.ts";
import { ReleaseError } from "./signed_sums.ts";
import { LATEST_FILE } from "./target.ts";

/** The file's shape. Fields that a reader does not know are ignored. */
export interface Latest {
  /** `0.1.0+abc1234`. */
  version: string;
  /** When its commit was made, ISO 8601; null: it was built outside a repository. */
  committed_at: string | null;
}

/** Reads the file. Throws ReleaseError. */
export function readLatest(text: string): Latest {
  try {
    const { version, committed_at: at } = JSON.parse(text) as Partial<Latest>;
    if (typeof version === "string" && parts(version) !== null && isTime(at)) {
      return { version, committed_at: at ?? null };
    }
  } catch {
    // Said below.
  }
  throw new ReleaseError(`Cannot read ${LATEST_FILE}: it names no version`);
}

function isTime(at: unknown): at is string | null | undefined {
  return at === null || at === undefined || typeof at === "string" && !Number.isNaN(Date.parse(at));
}

/**
 * Whether the offered version should replace the one that runs: a higher version (semver), or the
 * same one of a later commit. Never true for a program that runs from source, or that was built from
 * a tree with changes of its own.
 */
export function isNewer(
  offered: Latest,
  running: Pick<BuildFacts, "version" | "committedAt">,
): boolean {
  const mine = parts(running.version);
  const theirs = parts(offered.version);
  if (mine === null || theirs === null || running.version.endsWith("-dirty")) return false;
  const order = compare(theirs, mine);
  if (order !== 0) return order > 0;
  if (offered.committed_at === null || running.committedAt === null) return false;
  return Date.parse(offered.committed_at) > Date.parse(running.committedAt);
}

interface Parts {
  numbers: readonly number[];
  /** Empty for a version that is not a preliminary one. */
  preliminary: readonly string[];
}

function parts(version: string): Parts | null {
  const [, core, preliminary = ""] =
    /^(\d{1,9}\.\d{1,9}\.\d{1,9})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(version) ?? [];
  if (core === undefined) return null;
  return {
    numbers: core.split(".").map(Number),
    preliminary: preliminary === "" ? [] : preliminary.split("."),
  };
}

/** Negative, 0 or positive, by semver's rules (section 11). */
function compare(a: Parts, b: Parts): number {
  for (let i = 0; i < 3; i++) {
    if (a.numbers[i] !== b.numbers[i]) return a.numbers[i]! - b.numbers[i]!;
  }
  if (a.preliminary.length === 0 || b.preliminary.length === 0) {
    return b.preliminary.length - a.preliminary.length;
  }
  for (let i = 0; i < Math.max(a.preliminary.length, b.preliminary.length); i++) {
    const order = compareIdentifiers(a.preliminary[i], b.preliminary[i]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareIdentifiers(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  if (b === undefined) return 1;
  const [isNumberA, isNumberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumberA && isNumberB) return Number(a) - Number(b);
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  return a < b ? -1 : 1;
}

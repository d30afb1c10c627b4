/** A whole run: what was measured, where and with what; written as JSON. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { run } from "../program.ts";
import { at } from "../root.ts";
import { requirements } from "../testing/requirement.ts";
import type { Cores } from "./cores.ts";
import type { Row } from "./row.ts";
import type { Size } from "./size.ts";

export interface Report {
  /** ISO 8601, UTC. */
  date: string;
  machine: Machine;
  versions: Versions;
  /** A quick run shows that everything works; its figures are worth little. */
  isQuick: boolean;
  /** Whether all figures were measured; absent: they were. */
  isWhole?: boolean;
  size: Size;
  rows: Row[];
}

export interface Machine {
  cpu: string;
  cores: number;
  pinned: Cores;
  kernel: string;
  memoryMib: number;
}

export interface Versions {
  colink: string;
  bun: string;
  nginx: string;
  wrk: string;
}

/** Where reports lie unless another place is named. */
const FOLDER = at("bench-results");

export function describeMachine(pinned: Cores): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    pinned,
    kernel: release(),
    memoryMib: Math.round(totalmem() / 1024 / 1024),
  };
}

export async function describeVersions(): Promise<Versions> {
  const said = async (command: string[], pattern: RegExp) => {
    try {
      return pattern.exec((await run(command)).output)?.[1] ?? "unknown";
    } catch {
      // Not installed: what needs it was not measured.
      return "unknown";
    }
  };
  return {
    colink: await said([at("bin", "server"), "--version"], /^(\S+)/m),
    bun: Bun.version,
    nginx: await said([requirements.nginx.find() ?? "nginx", "-v"], /nginx\/(\S+)/),
    wrk: await said(["wrk", "-v"], /^wrk (?:debian\/)?(\S+)/m),
  };
}

/** Writes it to `path`, or under its date; returns where. */
export function writeReport(report: Report, path = defaultPath(report)): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(report, null, 2) + "\n");
  return path;
}

/** Reads the report at `path`, or the newest whole one. Throws when there is none. */
export function readReport(path = newestPath()): Report {
  return JSON.parse(readFileSync(path, "utf8")) as Report;
}

function defaultPath({ date, isQuick }: Report): string {
  const name = date.slice(0, 19).replaceAll(":", "-");
  return join(FOLDER, `${name}${isQuick ? QUICK : ""}.json`);
}

const QUICK = "-quick";

function newestPath(): string {
  const names = listFolder().filter((name) => name.endsWith(".json") && !name.includes(QUICK));
  const newest = names.toSorted().at(-1);
  if (newest === undefined) {
    throw new Error(`Cannot read a report: there is none in ${FOLDER}; run bun run bench first`);
  }
  return join(FOLDER, newest);
}

function listFolder(): string[] {
  try {
    return readdirSync(FOLDER);
  } catch {
    // Nothing was ever measured here.
    return [];
  }
}

/** A Python with the packages that the documentation's programs need: this machine's, or one with packages from PyPI. */

import { rmSync } from "node:fs";
import { at } from "../root.ts";

/** Where no Python was named, this is it. */
const SYSTEM_PYTHON = "python3";

/** Exactly these, where we fetch them. */
export const pythonPackages = Object.freeze({ openai: "3.22.1", websockets: "17.4" });

/** Kept between runs. */
const folder = at("node_modules", ".cache", "co-link-python");

/** Where PyPI cannot be reached, the tests that need it are left out, and say so. */
const FETCH_WITHIN_MS = 60_000;

export interface PythonFound {
  /** Null: the system's must do, whatever it has. */
  python: string | null;
  /** How it was come by, or why not. */
  note: string;
}

/** Finds one, or makes a virtual environment. Never throws. */
export async function findOrFetchPython(): Promise<PythonFound> {
  const fetched = `${folder}/bin/python`;
  if (await hasPackages(SYSTEM_PYTHON)) return { python: null, note: "" };
  if (await hasPackages(fetched)) return { python: fetched, note: "" };
  const pins = Object.entries(pythonPackages).map(([name, version]) => `${name}==${version}`);
  const pip = ["-m", "pip", "install", "-q", "--no-input", "--retries", "0", "--timeout", "10"];
  const isMade = await succeeds([SYSTEM_PYTHON, "-m", "venv", "--clear", folder]) &&
    await succeeds([fetched, ...pip, ...pins]);
  if (isMade) return { python: fetched, note: `fetched ${pins.join(", ")}` };
  rmSync(folder, { recursive: true, force: true });
  return { python: null, note: `no ${pins.join(", ")}: its tests are left out` };
}

function hasPackages(python: string): Promise<boolean> {
  return succeeds([python, "-c", `import ${Object.keys(pythonPackages).join(", ")}`]);
}

async function succeeds(command: string[]): Promise<boolean> {
  if (Bun.which(command[0]!) === null) return false;
  const stdio = ["ignore", "ignore", "ignore"] as ["ignore", "ignore", "ignore"];
  return await Bun.spawn(command, { stdio, timeout: FETCH_WITHIN_MS }).exited === 0;
}

/** Who this node is: a random id that survives restarts, so that the gateway knows it again. */

import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The id of the node that runs this configuration on this machine: random, kept in the state
 * folder, different for each configuration file. One that cannot be kept lives as long as the process.
 */
export async function nodeId(configPath: string, env: Env): Promise<string> {
  const machine = keptId(join(stateFolder(env), "node-id")) ?? crypto.randomUUID();
  const bytes = new TextEncoder().encode(`${machine}\n${realPath(configPath)}`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function stateFolder(env: Env): string {
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local", "state"), "co-link");
}

function keptId(path: string): string | null {
  return readId(path) ?? makeId(path) ?? readId(path);
}

function readId(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim() || null;
  } catch {
    return null;
  }
}

/** Null if another process made it first, or nothing can be kept here. */
function makeId(path: string): string | null {
  const id = crypto.randomUUID();
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, id + "\n", { mode: 0o600, flag: "wx" });
    return id;
  } catch {
    return null;
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

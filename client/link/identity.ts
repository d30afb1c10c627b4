/** The node's identity: a random id that survives restarts, so that the gateway recognises the node. */

import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The id of the node with this configuration file on this machine, 32 hexadecimal digits. It derives
 * from a random id in the state folder; where none can be kept there, from one for this process. `as`
 * tells several nodes of one configuration apart.
 */
export async function nodeId(configPath: string, env: Env, as?: string): Promise<string> {
  const machineId = storedId(join(stateFolder(env), "node-id")) ?? crypto.randomUUID();
  const bytes = new TextEncoder().encode(
    `${machineId}\n${realPath(configPath)}${as === undefined ? "" : `\n${as}`}`,
  );
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function stateFolder(env: Env): string {
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local", "state"), "co-link");
}

function storedId(path: string): string | null {
  return readId(path) ?? createId(path) ?? readId(path);
}

function readId(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim() || null;
  } catch {
    return null;
  }
}

/** Null if another process created it first, or the file cannot be written. */
function createId(path: string): string | null {
  const id = crypto.randomUUID();
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, id + "\n", { mode: 0o600, flag: "wx" });
    return id;
  } catch {
    return null;
  }
}

export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

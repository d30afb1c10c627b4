/** Where a user's node keeps its files on this system, and how files are written that only the user may read. */

import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CommandError } from "./command_error.ts";

type Env = Readonly<Record<string, string | undefined>>;

const NAME = "co-link";

/** For config.yaml and the token: XDG's folder, or what stands for it on macOS and Windows. */
export function configFolder(env: Env, platform: NodeJS.Platform = process.platform): string {
  const home = homeOf(env);
  if (env.XDG_CONFIG_HOME) return join(env.XDG_CONFIG_HOME, NAME);
  if (platform === "darwin") return join(home, "Library", "Application Support", NAME);
  if (platform === "win32") {
    return join(env.APPDATA || join(home, "AppData", "Roaming"), NAME);
  }
  return join(home, ".config", NAME);
}

function homeOf(env: Env): string {
  return env.HOME || env.USERPROFILE || homedir();
}

/** Writes the whole file or none of it, readable by this user alone. Throws CommandError. */
export function writePrivate(path: string, text: string): void {
  const draft = `${path}.${crypto.randomUUID().slice(0, 8)}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, text, { mode: 0o600, flag: "wx", flush: true });
    // An umask may have taken rights from the owner, too.
    chmodSync(draft, 0o600);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    const { code } = error as { code?: string };
    throw new CommandError(
      `Cannot write ${path}: ${writeProblems[code ?? ""] ?? code ?? String(error)}`,
    );
  }
}

const writeProblems: Readonly<Record<string, string>> = {
  EACCES: "this user may not write there; check the folder's owner, or set XDG_CONFIG_HOME",
  EROFS: "the file system is read-only; set XDG_CONFIG_HOME to a folder that is not",
  ENOSPC: "the disk is full; free some space and try again",
  ENOTDIR: "a part of the path is a file, not a folder",
};

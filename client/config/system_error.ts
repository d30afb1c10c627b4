/** What the system reports of a file or a connection, in words; a code that no row knows is quoted. */

import { phrase } from "../../text/mod.ts";

/** `EACCES, permission denied`: ends with a phrase, which `shown` translates. */
export function systemError(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  if (code === undefined) return message ?? String(error);
  const words = table[code];
  return words === undefined ? code : `${code}, ${words}`;
}

const table: Readonly<Record<string, string>> = Object.freeze({
  EACCES: phrase`permission denied`,
  EAI_AGAIN: phrase`its name cannot be looked up now`,
  ECONNREFUSED: phrase`connection refused`,
  ECONNRESET: phrase`the connection was reset`,
  EHOSTUNREACH: phrase`no way to its network`,
  EISDIR: phrase`it is a folder`,
  EMFILE: phrase`too many files are open`,
  ENETUNREACH: phrase`no way to its network`,
  ENOENT: phrase`no such file or folder`,
  ENOSPC: phrase`the disk is full`,
  ENOTDIR: phrase`a part of its path is no folder`,
  ENOTFOUND: phrase`its name is not known`,
  EPERM: phrase`permission denied`,
  EROFS: phrase`the disk is read-only`,
  ETIMEDOUT: phrase`no answer in time`,
});

/** Archives whose bytes depend on their files alone: no time, no owner, no folder of this machine. */

import { promisify } from "node:util";
import { gzip } from "node:zlib";

export interface ArchivedFile {
  /** Its path in the archive. */
  name: string;
  data: Uint8Array;
  isExecutable?: boolean;
}

/** The earliest that ZIP can say, with some room for time zones. */
const EPOCH_MS = Date.UTC(1980, 0, 2);
const REGULAR_FILE = 0o100000;
const UNIX = 3;

// The packers are imported when they are needed: in a fresh clone they are installed only then.

export async function packTarGz(files: readonly ArchivedFile[]): Promise<Uint8Array> {
  const { createTar } = await import("nanotar");
  const tar = createTar(files.map(({ name, data, isExecutable }) => ({
    name,
    data,
    attrs: { mode: mode(isExecutable).toString(8), uid: 0, gid: 0, mtime: EPOCH_MS },
  })));
  return await promisify(gzip)(tar, { level: 9 });
}

export async function packZip(files: readonly ArchivedFile[]): Promise<Uint8Array> {
  const { zipSync } = await import("fflate");
  return zipSync(
    Object.fromEntries(files.map(({ name, data, isExecutable }) => [
      name,
      [data, { os: UNIX, attrs: (REGULAR_FILE | mode(isExecutable)) * 0x10000 }],
    ])),
    { level: 6, mtime: localTime(EPOCH_MS) },
  );
}

function mode(isExecutable = false): number {
  return isExecutable ? 0o755 : 0o644;
}

/** ZIP keeps local time: a moment that reads the same on every machine. */
function localTime(utcMs: number): Date {
  return new Date(utcMs + new Date(utcMs).getTimezoneOffset() * 60_000);
}

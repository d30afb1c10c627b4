/** Which kind of machine an executable is for, read from its first bytes. */

import type { Target } from "../../release/mod.ts";

/** Processor numbers of each format, as ELF, Mach-O and PE count them. */
const processors: Readonly<Record<string, string>> = {
  "elf 62": "linux-x64",
  "elf 183": "linux-arm64",
  "macho 16777223": "darwin-x64",
  "macho 16777228": "darwin-arm64",
  "pe 34404": "windows-x64",
  "pe 43620": "windows-arm64",
};

const ELF_MAGIC = 0x7f454c46;
const MACHO_MAGIC_64 = 0xfeedfacf;
const MZ_MAGIC = 0x5a4d;
const PE_MAGIC = 0x4550;
const PT_INTERP = 3;

/** The target that the executable is for; null: it is of another format or processor. */
export function targetOfBinary(file: Uint8Array): Target | null {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 256) return null;
  if (view.getUint32(0) === ELF_MAGIC) {
    const machine = processors[`elf ${view.getUint16(18, true)}`];
    const libc = interpreterOf(file, view).includes("/ld-musl-") ? "-musl" : "";
    return machine === undefined ? null : `${machine}${libc}` as Target;
  }
  if (view.getUint32(0, true) === MACHO_MAGIC_64) {
    return (processors[`macho ${view.getUint32(4, true)}`] ?? null) as Target | null;
  }
  if (view.getUint16(0, true) !== MZ_MAGIC) return null;
  const header = view.getUint32(0x3c, true);
  if (header + 6 > file.length || view.getUint32(header, true) !== PE_MAGIC) return null;
  return (processors[`pe ${view.getUint16(header + 4, true)}`] ?? null) as Target | null;
}

/** The loader that an ELF file asks for; empty: none. */
function interpreterOf(file: Uint8Array, view: DataView): string {
  const start = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  for (let i = 0; i < view.getUint16(56, true); i++) {
    const header = start + i * size;
    if (view.getUint32(header, true) !== PT_INTERP) continue;
    const at = Number(view.getBigUint64(header + 8, true));
    const bytes = Number(view.getBigUint64(header + 32, true));
    return new TextDecoder().decode(file.subarray(at, at + bytes));
  }
  return "";
}

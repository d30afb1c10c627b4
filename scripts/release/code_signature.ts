/**
 * Code signatures of 64-bit Mach-O files: checked page by page, and created again without a certificate
 * ("ad hoc"), in the form that Apple's linker writes. Layouts: `mach-o/loader.h` and `cs_blobs.h` of
 * Apple's published sources.
 */

import { createHash } from "node:crypto";

const MACHO_MAGIC_64 = 0xfeedfacf;
const HEADER_BYTES = 32;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;

const SUPER_BLOB = 0xfade0cc0;
const CODE_DIRECTORY = 0xfade0c02;
const SLOT_CODE_DIRECTORY = 0;
/** The first version that names the executable segment. */
const VERSION_WITH_EXEC_SEGMENT = 0x20400;
const FLAGS_AD_HOC_BY_LINKER = 0x20002;
const HASH_SHA256 = 2;
const HASH_BYTES = 32;
const PAGE_BITS = 12;
const EXEC_SEGMENT_MAIN_BINARY = 1;
const DIRECTORY_HEADER_BYTES = 88;
const SUPER_BLOB_BYTES = 20;
/** What the last segment is rounded up to, as Bun does. */
const SEGMENT_PAGE = 0x1000n;

/** Where things stand in the file. */
interface Layout {
  /** The load command that names the signature. */
  signatureCommand: number;
  signatureStart: number;
  text: Segment;
  linkEdit: Segment;
}

interface Segment {
  /** Where its load command stands. */
  command: number;
  fileOffset: bigint;
  fileBytes: bigint;
}

/** What is wrong with the file's signature; null: every page fits. Throws where it is no 64-bit Mach-O file. */
export function signatureProblem(file: Uint8Array): string | null {
  const { signatureStart } = layoutOf(file);
  const directory = findDirectory(file, signatureStart);
  if (directory === null) return "it has no code directory";
  const { at, view } = directory;
  const [hashOffset, slots, codeLimit] = [16, 28, 32].map((field) => view.getUint32(at + field));
  const [hashBytes, hashType] = [view.getUint8(at + 36), view.getUint8(at + 37)];
  const pageBits = view.getUint8(at + 39);
  if (hashType !== HASH_SHA256 || hashBytes !== HASH_BYTES) return "its hashes are not SHA-256";
  if (codeLimit !== signatureStart) {
    return `it covers ${codeLimit} of ${signatureStart} bytes`;
  }
  const hashes = pageHashes(file, codeLimit!, pageBits);
  if (hashes.length !== slots! * HASH_BYTES) return "it has a wrong number of pages";
  const start = at + hashOffset!;
  for (let i = 0; i < slots!; i++) {
    const expected = file.subarray(start + i * HASH_BYTES, start + (i + 1) * HASH_BYTES);
    if (hashes.compare(expected, 0, HASH_BYTES, i * HASH_BYTES, (i + 1) * HASH_BYTES) !== 0) {
      return `page ${i} of ${slots} is not the one that was signed`;
    }
  }
  return null;
}

/** The file with an ad hoc signature of the whole in the place of the one it has. `identifier`: the program's name. */
export function signAdHoc(file: Uint8Array, identifier: string): Uint8Array {
  const { signatureCommand, signatureStart, text, linkEdit } = layoutOf(file);
  const slots = Math.ceil(signatureStart / 2 ** PAGE_BITS);
  const name = Buffer.from(`${identifier}\0`);
  const hashOffset = DIRECTORY_HEADER_BYTES + name.length;
  const directoryBytes = hashOffset + slots * HASH_BYTES;
  const blobBytes = SUPER_BLOB_BYTES + directoryBytes;
  // The linker leaves the end as it is; a signature need not end at a boundary.
  const signed = Buffer.alloc(signatureStart + blobBytes);
  signed.set(file.subarray(0, signatureStart));

  // The commands lie on the first pages, so they must stand before those are hashed.
  signed.writeUint32LE(blobBytes, signatureCommand + 12);
  const linkEditBytes = BigInt(signed.length) - linkEdit.fileOffset;
  signed.writeBigUInt64LE(roundUp(linkEditBytes, SEGMENT_PAGE), linkEdit.command + 32);
  signed.writeBigUInt64LE(linkEditBytes, linkEdit.command + 48);

  const directory = Buffer.alloc(directoryBytes);
  const header: readonly number[] = [
    CODE_DIRECTORY,
    directoryBytes,
    VERSION_WITH_EXEC_SEGMENT,
    FLAGS_AD_HOC_BY_LINKER,
    hashOffset,
    DIRECTORY_HEADER_BYTES,
    0, // special slots
    slots,
    signatureStart,
  ];
  header.forEach((value, i) => directory.writeUint32BE(value, 4 * i));
  directory.set([HASH_BYTES, HASH_SHA256, 0, PAGE_BITS], 36);
  directory.writeBigUInt64BE(text.fileOffset, 64);
  directory.writeBigUInt64BE(text.fileBytes, 72);
  directory.writeBigUInt64BE(BigInt(EXEC_SEGMENT_MAIN_BINARY), 80);
  name.copy(directory, DIRECTORY_HEADER_BYTES);
  pageHashes(signed, signatureStart, PAGE_BITS).copy(directory, hashOffset);

  const superBlob = [SUPER_BLOB, blobBytes, 1, SLOT_CODE_DIRECTORY, SUPER_BLOB_BYTES];
  superBlob.forEach((value, i) => signed.writeUint32BE(value, signatureStart + 4 * i));
  directory.copy(signed, signatureStart + SUPER_BLOB_BYTES);
  return signed;
}

function layoutOf(file: Uint8Array): Layout {
  const view = viewOf(file);
  if (file.length < HEADER_BYTES || view.getUint32(0, true) !== MACHO_MAGIC_64) {
    throw new Error("Cannot read the code signature: this is no 64-bit Mach-O file");
  }
  const segments = new Map<string, Segment>();
  let signatureCommand: number | null = null;
  let command = HEADER_BYTES;
  for (let left = view.getUint32(16, true); left > 0; left--) {
    const kind = view.getUint32(command, true);
    if (kind === LC_CODE_SIGNATURE) signatureCommand = command;
    if (kind === LC_SEGMENT_64) segments.set(segmentName(file, command), segment(view, command));
    command += view.getUint32(command + 4, true);
  }
  const text = segments.get("__TEXT");
  const linkEdit = segments.get("__LINKEDIT");
  if (signatureCommand === null || text === undefined || linkEdit === undefined) {
    throw new Error("Cannot read the code signature: the file has no place for one");
  }
  return {
    signatureCommand,
    signatureStart: view.getUint32(signatureCommand + 8, true),
    text,
    linkEdit,
  };
}

function segmentName(file: Uint8Array, command: number): string {
  return new TextDecoder().decode(file.subarray(command + 8, command + 24)).replace(/\0.*$/, "");
}

function segment(view: DataView, command: number): Segment {
  return {
    command,
    fileOffset: view.getBigUint64(command + 40, true),
    fileBytes: view.getBigUint64(command + 48, true),
  };
}

function findDirectory(file: Uint8Array, start: number): { at: number; view: DataView } | null {
  const view = viewOf(file);
  if (start + SUPER_BLOB_BYTES > file.length || view.getUint32(start) !== SUPER_BLOB) return null;
  for (let i = 0; i < view.getUint32(start + 8); i++) {
    const index = start + 12 + 8 * i;
    const at = start + view.getUint32(index + 4);
    const isDirectory = view.getUint32(index) === SLOT_CODE_DIRECTORY &&
      view.getUint32(at) === CODE_DIRECTORY;
    if (isDirectory) return { at, view };
  }
  return null;
}

/** The digests of all pages, one behind the other. */
function pageHashes(file: Uint8Array, codeLimit: number, pageBits: number): Buffer {
  const page = 2 ** pageBits;
  const digests: Buffer[] = [];
  for (let start = 0; start < codeLimit; start += page) {
    const bytes = file.subarray(start, Math.min(start + page, codeLimit));
    digests.push(createHash("sha256").update(bytes).digest());
  }
  return Buffer.concat(digests);
}

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}

function roundUp(value: bigint, to: bigint): bigint {
  return (value + to - 1n) / to * to;
}

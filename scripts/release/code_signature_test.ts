/** Signatures of Mach-O files: what is wrong with one is found, and a new one covers every page. */

import { expect, test } from "bun:test";
import { signAdHoc, signatureProblem } from "./code_signature.ts";

const PAGE = 4096;
const CODE_PAGES = 5;
const SIGNATURE_START = CODE_PAGES * PAGE + 100;

/** The smallest file that has a place for a signature: two segments, and a command that names its end. */
function machO(): Buffer {
  const file = Buffer.alloc(SIGNATURE_START + 64);
  for (let i = 0; i < SIGNATURE_START; i++) file[i] = i * 31;
  file.fill(0, 0, 512);
  [0xfeedfacf, 0x01000007, 3, 2, 3, 72 + 72 + 16, 0, 0].forEach((word, i) =>
    file.writeUInt32LE(word, 4 * i)
  );
  segment(file, 32, "__TEXT", 0, CODE_PAGES * PAGE);
  segment(file, 104, "__LINKEDIT", CODE_PAGES * PAGE, 100 + 64);
  [0x1d, 16, SIGNATURE_START, 64].forEach((word, i) => file.writeUInt32LE(word, 176 + 4 * i));
  return file;
}

function segment(file: Buffer, at: number, name: string, offset: number, bytes: number): void {
  file.writeUInt32LE(0x19, at);
  file.writeUInt32LE(72, at + 4);
  file.write(name, at + 8);
  file.writeBigUInt64LE(BigInt(offset), at + 40);
  file.writeBigUInt64LE(BigInt(bytes), at + 48);
}

test("a file without a signature has a problem, and none once it is signed", () => {
  expect(signatureProblem(machO())).toBe("it has no code directory");
  expect(signatureProblem(signAdHoc(machO(), "colink-client"))).toBeNull();
});

test("a changed byte is found on its page, wherever it stands, and signing again fixes it", () => {
  const signed = Buffer.from(signAdHoc(machO(), "x"));
  for (const at of [600, PAGE, 3 * PAGE + 7, SIGNATURE_START - 1]) {
    const changed = Buffer.from(signed);
    changed[at]! ^= 1;
    expect(signatureProblem(changed)).toStartWith(`page ${Math.floor(at / PAGE)} of 6`);
    expect(signatureProblem(signAdHoc(changed, "x"))).toBeNull();
  }
});

test("a signature of a part of the file, as a bundler leaves it, is a problem", () => {
  const signed = Buffer.from(signAdHoc(machO(), "x"));
  signed.writeUInt32BE(PAGE, SIGNATURE_START + 20 + 32);
  expect(signatureProblem(signed)).toBe(`it covers ${PAGE} of ${SIGNATURE_START} bytes`);
});

test("the last segment ends where the new signature does, and signing twice changes nothing", () => {
  const signed = Buffer.from(signAdHoc(machO(), "colink-client"));
  const linkEdit = Number(signed.readBigUInt64LE(104 + 40) + signed.readBigUInt64LE(104 + 48));
  expect(linkEdit).toBe(signed.length);
  expect(signed.readUInt32LE(176 + 12)).toBe(signed.length - SIGNATURE_START);
  expect(Buffer.from(signAdHoc(signed, "colink-client")).equals(signed)).toBe(true);
});

test("what is no Mach-O file is refused", () => {
  expect(() => signatureProblem(Buffer.alloc(4096))).toThrow(/no 64-bit Mach-O/);
});

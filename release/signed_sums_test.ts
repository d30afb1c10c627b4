/** A release is believed only as its key signed it. */

import { expect, test } from "bun:test";
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { ReleaseError, SignedSums } from "./signed_sums.ts";

const ours = generateKeyPairSync("ed25519");
const others = generateKeyPairSync("ed25519");
const file = "co-link-client-linux-x64.tar.gz";
const bytes = new TextEncoder().encode("the program");
const sum = createHash("sha256").update(bytes).digest("hex");
const list = new TextEncoder().encode(`${sum}  ${file}\n`);

function rawKey(key: KeyObject): string {
  return key.export({ format: "der", type: "spki" }).subarray(-32).toString("base64");
}

function read(sums: Uint8Array, key = ours.privateKey, trusted = [rawKey(ours.publicKey)]) {
  return SignedSums.read(sums, sign(null, sums, key), trusted);
}

test("a file of a signed list passes, and one with a byte changed does not", () => {
  const sums = read(list);
  expect(sums.sumOf(file)).toBe(sum);
  sums.check(file, bytes);
  expect(() => sums.check(file, bytes.with(0, 0))).toThrow(/not the one that was signed/);
  expect(() => sums.check("co-link-client-darwin-x64.tar.gz", bytes)).toThrow(/does not list/);
});

test("one of several trusted keys is enough, so that a key can be replaced", () => {
  const trusted = [rawKey(others.publicKey), rawKey(ours.publicKey)];
  expect(read(list, ours.privateKey, trusted).sumOf(file)).toBe(sum);
});

test("a changed list, a foreign signature, a cut one and no key at all are refused", () => {
  const signature = sign(null, list, ours.privateKey);
  const trusted = [rawKey(ours.publicKey)];
  const refused: [Uint8Array, Uint8Array, string[]][] = [
    [list.with(0, list[0] === 48 ? 49 : 48), signature, trusted],
    [list, sign(null, list, others.privateKey), trusted],
    [list, signature.subarray(0, 63), trusted],
    [list, new Uint8Array(0), trusted],
    [list, signature, []],
    [list, signature, ["AAAA"]],
    [new Uint8Array(70_000), signature, trusted],
  ];
  for (const given of refused) expect(() => SignedSums.read(...given)).toThrow(ReleaseError);
});

test("a signed list with a malformed or a repeated line is refused", () => {
  for (const text of ["nonsense\n", `${sum} ${file}\n`, `${sum}  ${file}\n${sum}  ${file}\n`]) {
    expect(() => read(new TextEncoder().encode(text))).toThrow(/malformed/);
  }
});

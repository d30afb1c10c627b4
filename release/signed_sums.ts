/** The checksums of a release, which are believed only once their signature fits. */

import { createHash, createPublicKey, verify } from "node:crypto";
import { releaseFiles, SIGNATURE_FILE, SUMS_FILE } from "./target.ts";

/** A file of a release that is not what was signed; the message says what to do. */
export class ReleaseError extends Error {
  override readonly name = "ReleaseError";
}

/** Far more than one line for each file of a release. */
const MAX_SUMS_BYTES = 64 * 1024;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410, section 4). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

export class SignedSums {
  readonly #sums: ReadonlyMap<string, string>;

  private constructor(sums: ReadonlyMap<string, string>) {
    this.#sums = sums;
  }

  /**
   * Checks SHA256SUMS against SHA256SUMS.sig. `keys`: Ed25519 public keys, 32 bytes in base64, of
   * which one must fit. Throws ReleaseError where none does, or where the list is malformed.
   */
  static read(sums: Uint8Array, signature: Uint8Array, keys: readonly string[]): SignedSums {
    if (keys.length === 0) {
      throw new ReleaseError(
        "Cannot verify the release: this program was built without a release key; " +
          "install one that was made with `npx bun@1.4.5 run release`",
      );
    }
    if (sums.length > MAX_SUMS_BYTES) {
      throw new ReleaseError(`Cannot verify the release: ${SUMS_FILE} is too long`);
    }
    if (signature.length !== SIGNATURE_BYTES || !keys.some((key) => fits(sums, signature, key))) {
      throw new ReleaseError(
        `Cannot verify the release: ${SIGNATURE_FILE} is not a signature of ${SUMS_FILE} by a key ` +
          "that this program trusts; the files were changed or signed by somebody else. " +
          "Nothing was installed; ask the gateway's operator to publish the release again",
      );
    }
    return new SignedSums(parse(new TextDecoder().decode(sums)));
  }

  /** The file's SHA-256 in lower-case hexadecimal. Throws ReleaseError where it is not part of the release. */
  sumOf(file: string): string {
    const sum = this.#sums.get(file);
    if (sum === undefined) {
      throw new ReleaseError(`Cannot verify ${file}: ${SUMS_FILE} does not list it`);
    }
    return sum;
  }

  /** Throws ReleaseError unless the bytes are those of the file that was signed. */
  check(file: string, bytes: Uint8Array): void {
    this.checkSum(file, createHash("sha256").update(bytes).digest("hex"));
  }

  /** The same for a SHA-256 that was computed while the file arrived. */
  checkSum(file: string, sha256: string): void {
    if (sha256 !== this.sumOf(file)) {
      throw new ReleaseError(
        `Cannot verify ${file}: its checksum is not the one that was signed; it was changed or ` +
          "arrived incomplete. Nothing was installed; try again",
      );
    }
  }
}

function fits(sums: Uint8Array, signature: Uint8Array, key: string): boolean {
  const raw = Buffer.from(key, "base64");
  if (raw.length !== KEY_BYTES) return false;
  const der = Buffer.concat([SPKI_PREFIX, raw]);
  return verify(null, sums, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
}

/** Lines as `sha256sum` writes them; files that a release does not have are left out. */
function parse(text: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, sum, file] = /^([0-9a-f]{64})[ ][ *](\S+)$/.exec(line) ?? [];
    if (sum === undefined || file === undefined || sums.has(file)) {
      throw new ReleaseError(`Cannot verify the release: a line of ${SUMS_FILE} is malformed`);
    }
    if (releaseFiles.has(file)) sums.set(file, sum);
  }
  return sums;
}

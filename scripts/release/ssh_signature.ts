/**
 * Signatures that `ssh-keygen -Y verify` reads: many machines have OpenSSH and no OpenSSL that knows
 * Ed25519, macOS and Windows among them. Format: PROTOCOL.sshsig of OpenSSH.
 */

import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto";
import { SSH_NAMESPACE } from "../../release/mod.ts";

const MAGIC = "SSHSIG";
const VERSION = 1;
const HASH = "sha512";
const KEY_TYPE = "ssh-ed25519";
const LINE_CHARS = 70;

/** Signs the message with an Ed25519 key; the armoured text. */
export function sshSignature(message: Uint8Array, key: KeyObject): string {
  const digest = createHash(HASH).update(message).digest();
  const context = [field(SSH_NAMESPACE), field(""), field(HASH)];
  const signature = sign(null, Buffer.concat([Buffer.from(MAGIC), ...context, field(digest)]), key);
  const blob = Buffer.concat([
    Buffer.from(MAGIC),
    number(VERSION),
    field(publicBlob(key)),
    ...context,
    field(Buffer.concat([field(KEY_TYPE), field(signature)])),
  ]);
  const lines = blob.toString("base64").match(new RegExp(`.{1,${LINE_CHARS}}`, "g")) ?? [];
  return ["-----BEGIN SSH SIGNATURE-----", ...lines, "-----END SSH SIGNATURE-----", ""].join("\n");
}

function publicBlob(key: KeyObject): Buffer {
  const raw = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  return Buffer.concat([field(KEY_TYPE), field(raw)]);
}

/** Bytes behind their length. */
function field(bytes: string | Uint8Array): Buffer {
  const data = Buffer.from(bytes as string);
  return Buffer.concat([number(data.length), data]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The key that releases are signed with. It lies outside the repository. */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** The file of the private key: PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes it. */
const KEY_FILE = "COLINK_RELEASE_KEY";
/** More public keys that the programs shall accept, in base64 by comma: the next key, before it is used. */
const MORE_KEYS = "COLINK_RELEASE_TRUSTED";

export interface ReleaseKey {
  privateKey: KeyObject;
  /** 32 bytes in base64. */
  publicKey: string;
  path: string;
  /** Nobody named a key, so this is one that was made on this machine. */
  isDevelopment: boolean;
  /** Made just now. */
  isNew: boolean;
}

/** The key to sign with; makes one for development where none is named. Throws where the file is no such key. */
export function signingKey(env: Environment): ReleaseKey {
  const path = keyPath(env);
  const isDevelopment = !env[KEY_FILE];
  const isNew = isDevelopment && !existsSync(path);
  if (isNew) makeKey(path);
  const privateKey = readKey(path);
  return { privateKey, publicKey: publicKeyOf(privateKey), path, isDevelopment, isNew };
}

/** The public keys that a build trusts: of the signing key, if there is one, and those that the environment adds. */
export function trustedKeys(env: Environment): string[] {
  const more = (env[MORE_KEYS] ?? "").split(",").map((key) => key.trim()).filter(Boolean);
  const wrong = more.find((key) => Buffer.from(key, "base64").length !== 32);
  if (wrong !== undefined) {
    throw new Error(`Cannot read ${MORE_KEYS}: "${wrong}" is not 32 bytes in base64`);
  }
  const path = keyPath(env);
  const own = env[KEY_FILE] || existsSync(path) ? [publicKeyOf(readKey(path))] : [];
  return [...new Set([...own, ...more])];
}

function keyPath(env: Environment): string {
  return env[KEY_FILE] ||
    join(env.XDG_CONFIG_HOME || join(homedir(), ".config"), "co-link", "release-key.pem");
}

function makeKey(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ format: "pem", type: "pkcs8" });
  writeFileSync(path, pem, { mode: 0o600, flag: "wx" });
}

function readKey(path: string): KeyObject {
  const remedy = "make one with: openssl genpkey -algorithm ed25519 -out FILE";
  let key: KeyObject;
  try {
    key = createPrivateKey(readFileSync(path));
  } catch (cause) {
    throw new Error(`Cannot read the release key ${path}: it is no private key in PEM; ${remedy}`, {
      cause,
    });
  }
  if (key.asymmetricKeyType === "ed25519") return key;
  throw new Error(`Cannot use the release key ${path}: it is not of type Ed25519; ${remedy}`);
}

function publicKeyOf(key: KeyObject): string {
  const der = createPublicKey(key).export({ format: "der", type: "spki" });
  return der.subarray(-32).toString("base64");
}

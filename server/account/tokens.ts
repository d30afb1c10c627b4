/** Bearer tokens: their format, their digest for look-ups, and their sealed copy. */

import { createHash, createHmac, hkdfSync } from "node:crypto";
import { Seal } from "../base/seal.ts";
import type { KeyKind } from "../store/store.ts";

const prefixes: Readonly<Record<KeyKind, string>> = { api: "sk-colink-", node: "client-" };

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** 26 characters of 62 are 154 random bits. */
const RANDOM_CHARS = 26;
const CHECK_CHARS = 4;

const shape = new RegExp(`^[0-9A-Za-z]{${RANDOM_CHARS + CHECK_CHARS}}$`);

/** A new token: prefix, random characters, and a checksum that detects typing errors without a look-up. */
export function newToken(kind: KeyKind): string {
  const start = prefixes[kind] + randomChars(RANDOM_CHARS);
  return start + checksum(start);
}

/** The kind that a token's prefix claims; null: not a Co-Link token. */
export function tokenKind(text: string): KeyKind | null {
  if (text.startsWith(prefixes.api)) return "api";
  return text.startsWith(prefixes.node) ? "node" : null;
}

/** Whether a token is complete and its checksum is right. Such a token need not exist. */
export function isWellFormed(token: string): boolean {
  const kind = tokenKind(token);
  if (kind === null || !shape.test(token.slice(prefixes[kind].length))) return false;
  return checksum(token.slice(0, -CHECK_CHARS)) === token.slice(-CHECK_CHARS);
}

/** `count` characters, each of the 62 equally likely. */
export function randomChars(count: number): string {
  let text = "";
  while (text.length < count) {
    for (const byte of secureBytes(count)) {
      // 248 is the largest multiple of 62 in a byte: higher values would favour the first characters.
      if (byte < 248 && text.length < count) text += ALPHABET[byte % 62];
    }
  }
  return text;
}

function checksum(text: string): string {
  const digest = createHash("sha256").update(text).digest();
  return Array.from(digest.subarray(0, CHECK_CHARS), (byte) => ALPHABET[byte % 62]).join("");
}

function secureBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

/**
 * Turns tokens into what the database may hold: a digest to look them up by, and a sealed copy to
 * show to their owner. Each purpose has a key of its own, derived from the gateway's secret.
 */
export class TokenVault {
  /** Already keyed: copying it takes half the time of keying a new one. */
  readonly #digester: Bun.CryptoHasher;
  readonly #seal: Seal;
  readonly #nodeIdKey: Uint8Array;

  constructor(secret: string) {
    const derive = (purpose: string) =>
      new Uint8Array(hkdfSync("sha256", secret, "co-link", purpose, 32));
    this.#digester = new Bun.CryptoHasher("sha256", derive("token digest v1"));
    this.#seal = new Seal(secret, "token seal v1");
    this.#nodeIdKey = derive("node id v1");
  }

  /** HMAC-SHA-256 as hex: the same for every call, and useless to an attacker without the secret. */
  digest(token: string): string {
    return this.#digester.copy().update(token).digest("hex");
  }

  /** Encrypts a token; every call gives another text. */
  seal(token: string): string {
    return this.#seal.seal(token);
  }

  /** Decrypts a sealed token. Throws if it was altered, or sealed under another secret. */
  open(sealed: string): string {
    return this.#seal.open(sealed);
  }

  /** A node's public id: stable for a node key, and reveals nothing about it. */
  publicNodeId(nodeKey: string): string {
    const digest = createHmac("sha256", this.#nodeIdKey).update(nodeKey).digest("hex");
    return `node-${digest.slice(0, 24)}`;
  }
}

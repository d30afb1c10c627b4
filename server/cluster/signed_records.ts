/** What gateways write to Redis is signed: somebody else who can write there can delete, but not forge or replay. */

import { createHmac, hkdfSync } from "node:crypto";
import { isEqual } from "./handshake.ts";

/** A record that is written again and again, or a message. `n` grows with everything that its gateway signs. */
export interface Stamped<T> {
  /** When it was signed, in UTC milliseconds by Redis' clock. */
  at: number;
  n: number;
  value: T;
}

/** What was signed longer ago counts as replayed. A lease and a message live for less. */
const MAX_AGE_MS = 15_000;

export class SignedRecords {
  readonly #key: Uint8Array;

  /** `secret` is the same at all gateways. */
  constructor(secret: string) {
    this.#key = new Uint8Array(hkdfSync("sha256", secret, "", "co-link records in Redis", 32));
  }

  /** `place` says where the value belongs: what was signed for one place is not read at another. */
  sign(place: string, value: unknown): string {
    const text = JSON.stringify(value);
    return `${this.#signature(place, text)} ${text}`;
  }

  /** The value that a gateway of this network has signed for the place; null: none has. */
  read<T>(place: string, signed: string): T | null {
    const end = signed.indexOf(" ");
    const text = signed.slice(end + 1);
    if (end < 0 || !isEqual(signed.slice(0, end), this.#signature(place, text))) return null;
    return JSON.parse(text) as T;
  }

  #signature(place: string, text: string): string {
    return createHmac("sha256", this.#key).update(`${place.length} ${place} ${text}`)
      .digest("base64url");
  }
}

/** The newest that each gateway has signed: what is older is not taken again. */
export class NewestStamps<T> {
  readonly #newest = new Map<string, Stamped<T>>();

  /** Whether it is newer than everything that was taken from the gateway before. */
  take(gateway: string, stamped: Stamped<T>, nowMs: number): boolean {
    const newest = this.#newest.get(gateway);
    if (!isFresh(stamped, nowMs)) return false;
    if (newest !== undefined && stamped.n <= newest.n) return false;
    this.#newest.delete(gateway);
    this.#newest.set(gateway, stamped);
    this.#forgetAged(nowMs);
    return true;
  }

  /** The newest of the gateway, while it is not too old. */
  of(gateway: string, nowMs: number): T | undefined {
    const newest = this.#newest.get(gateway);
    return newest && isFresh(newest, nowMs) ? newest.value : undefined;
  }

  /** What is too old is refused by its age. */
  #forgetAged(nowMs: number): void {
    for (const [gateway, newest] of this.#newest) {
      if (isFresh(newest, nowMs)) return;
      this.#newest.delete(gateway);
    }
  }
}

function isFresh({ at }: Stamped<unknown>, nowMs: number): boolean {
  return Math.abs(nowMs - at) <= MAX_AGE_MS;
}

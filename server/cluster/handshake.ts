/** How two gateways prove to each other that they share the secret, before any other message. */

import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

/** Header that a dialling gateway sends to PEER_PATH: its id, the id of the peer, the number of the attempt, and the proof. */
export const PEER_HEADER = "colink-gateway";

/** Gateways whose last attempt is remembered. */
const MAX_REMEMBERED = 10_000;

export class Handshake {
  readonly #key: Uint8Array;
  #attempts = 0;
  /** Highest attempt number of each gateway: no header is accepted twice. */
  readonly #lastAttempts = new Map<string, number>();

  /** `id` is this gateway's. */
  constructor(secret: string, private readonly id: string) {
    this.#key = new Uint8Array(hkdfSync("sha256", secret, "", "co-link gateway to gateway", 32));
  }

  /** The header for one attempt to reach `peer`, and the answer that the peer proves itself with. */
  dial(peer: string): { header: string; answer: string } {
    const attempt = `${this.id} ${peer} ${++this.#attempts}`;
    return {
      header: `${attempt} ${this.#proof(`dial ${attempt}`)}`,
      answer: this.#proof(`answer ${attempt}`),
    };
  }

  /** The gateway that dials, and the answer that proves this one to it; null: it is refused. */
  admit(header: string): { peer: string; answer: string } | null {
    const [peer = "", to = "", number = "", proof = ""] = header.split(" ");
    const attempt = `${peer} ${to} ${number}`;
    if (to !== this.id || !isEqual(proof, this.#proof(`dial ${attempt}`))) return null;
    if (Number(number) <= (this.#lastAttempts.get(peer) ?? 0)) return null;
    this.#lastAttempts.delete(peer);
    this.#lastAttempts.set(peer, Number(number));
    if (this.#lastAttempts.size > MAX_REMEMBERED) this.#forgetOldest();
    return { peer, answer: this.#proof(`answer ${attempt}`) };
  }

  #forgetOldest(): void {
    const oldest = this.#lastAttempts.keys().next().value;
    if (oldest !== undefined) this.#lastAttempts.delete(oldest);
  }

  #proof(text: string): string {
    return createHmac("sha256", this.#key).update(text).digest("base64url");
  }
}

/** Compares in constant time. */
export function isEqual(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}

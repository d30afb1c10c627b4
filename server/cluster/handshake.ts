/** How two gateways show each other that they share the secret, before either says anything else. */

import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

/** The header that a dialling gateway sends: who, whom, the how manieth try, and the proof. */
export const PEER_HEADER = "colink-gateway";

/** More gateways than this are never remembered. */
const MAX_REMEMBERED = 10_000;

export class Handshake {
  readonly #key: Uint8Array;
  #tries = 0;
  /** The highest number that each gateway has used: no header is good twice. */
  readonly #used = new Map<string, number>();

  /** `id`: of this gateway. */
  constructor(secret: string, private readonly id: string) {
    this.#key = new Uint8Array(hkdfSync("sha256", secret, "", "co-link gateway to gateway", 32));
  }

  /** The header for one try to reach `peer`, and what that answers with. */
  dial(peer: string): { header: string; answer: string } {
    const words = `${this.id} ${peer} ${++this.#tries}`;
    return {
      header: `${words} ${this.#proof(`dial ${words}`)}`,
      answer: this.#proof(`answer ${words}`),
    };
  }

  /** Who dials, and what shows it that this is no impostor; null: nobody that is to be let in. */
  admit(header: string): { peer: string; answer: string } | null {
    const [peer = "", to = "", number = "", proof = ""] = header.split(" ");
    const words = `${peer} ${to} ${number}`;
    if (to !== this.id || !isEqual(proof, this.#proof(`dial ${words}`))) return null;
    if (Number(number) <= (this.#used.get(peer) ?? 0)) return null;
    this.#used.delete(peer);
    this.#used.set(peer, Number(number));
    if (this.#used.size > MAX_REMEMBERED) this.#forgetOldest();
    return { peer, answer: this.#proof(`answer ${words}`) };
  }

  #forgetOldest(): void {
    const oldest = this.#used.keys().next().value;
    if (oldest !== undefined) this.#used.delete(oldest);
  }

  #proof(words: string): string {
    return createHmac("sha256", this.#key).update(words).digest("base64url");
  }
}

/** Takes the same time whatever differs. */
export function isEqual(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}

/** How two gateways prove to each other that they share the secret, before any other message. */

import { isLoopback } from "../base/loopback.ts";
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { FrameCipher } from "./frame_cipher.ts";

/** Header that a dialling gateway sends to PEER_PATH: its id, the id of the peer, the number of the attempt, and the proof. */
export const PEER_HEADER = "colink-gateway";

/** Gateways whose last attempt is remembered. */
const MAX_REMEMBERED = 10_000;

const KEY_BYTES = 32;

/** What the dialled gateway proves itself with. */
export interface PeerProof {
  answer: string;
  /** Random: the keys of a link are of no use for another. */
  nonce: string;
}

/** A peer that has proved itself. */
interface PeerSession {
  /** Null: TLS encrypts the link, or it does not leave this machine. */
  cipher: FrameCipher | null;
}

export interface Attempt {
  header: string;
  /** Checks the proof of the dialled gateway; null: it does not know the secret, or is another one. */
  meet(proof: PeerProof): PeerSession | null;
}

export interface Admitted extends PeerSession {
  peer: string;
  proof: PeerProof;
}

export class Handshake {
  readonly #key: Uint8Array;
  #attempts = 0;
  /** Highest attempt number of each gateway: no header is accepted twice. */
  readonly #lastAttempts = new Map<string, number>();

  /** `id` is this gateway's, and so is `url`, where others dial it. */
  constructor(secret: string, private readonly id: string, private readonly url: () => string) {
    this.#key = derive(secret, "", "co-link gateway to gateway", KEY_BYTES);
  }

  /** One attempt to reach `peer` at `url`, which is part of the proof: no one can stand in between. */
  dial(peer: string, url: string): Attempt {
    const attempt = `${this.id} ${peer} ${++this.#attempts}`;
    const about = `${attempt} ${url}`;
    return {
      header: `${attempt} ${this.#proof(`dial ${about}`)}`,
      meet: ({ answer, nonce }) => {
        if (!isEqual(answer, this.#proof(`answer ${about} ${nonce}`))) return null;
        const keys = this.#keys(about, nonce);
        return { cipher: keys && new FrameCipher(keys.dialling, keys.dialled) };
      },
    };
  }

  /** The gateway that dials, and what proves this one to it; null: it is refused. */
  admit(header: string): Admitted | null {
    const [peer = "", to = "", number = "", proof = ""] = header.split(" ");
    const about = `${peer} ${to} ${number} ${this.url()}`;
    if (to !== this.id || !isEqual(proof, this.#proof(`dial ${about}`))) return null;
    if (Number(number) <= (this.#lastAttempts.get(peer) ?? 0)) return null;
    this.#lastAttempts.delete(peer);
    this.#lastAttempts.set(peer, Number(number));
    if (this.#lastAttempts.size > MAX_REMEMBERED) this.#forgetOldest();
    const nonce = randomBytes(KEY_BYTES).toString("base64url");
    const keys = this.#keys(about, nonce);
    return {
      peer,
      proof: { answer: this.#proof(`answer ${about} ${nonce}`), nonce },
      cipher: keys && new FrameCipher(keys.dialled, keys.dialling),
    };
  }

  /** The keys of both directions; null where frames need none. Both ends know the same address. */
  #keys(about: string, nonce: string): Record<"dialling" | "dialled", Uint8Array> | null {
    const url = about.slice(about.lastIndexOf(" ") + 1);
    if (isPrivate(url)) return null;
    const keys = derive(this.#key, nonce, `frames ${about}`, 2 * KEY_BYTES);
    return { dialling: keys.subarray(0, KEY_BYTES), dialled: keys.subarray(KEY_BYTES) };
  }

  #forgetOldest(): void {
    const oldest = this.#lastAttempts.keys().next().value;
    if (oldest !== undefined) this.#lastAttempts.delete(oldest);
  }

  #proof(text: string): string {
    return createHmac("sha256", this.#key).update(text).digest("base64url");
  }
}

/** Whether no one on the network can read along: TLS, or an address of this machine alone. */
function isPrivate(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || isLoopback(hostname);
}

function derive(secret: string | Uint8Array, salt: string, about: string, bytes: number) {
  return new Uint8Array(hkdfSync("sha256", secret, salt, about, bytes));
}

/** Compares in constant time. */
export function isEqual(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}

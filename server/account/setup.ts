/** The first administrator of a new gateway: made once, by whoever has the code that only its operator is shown. */

import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { ColinkError } from "../base/error.ts";
import type { Store } from "../store/store.ts";
import type { Accounts, Credentials } from "./accounts.ts";

export interface SetupOptions {
  /** The gateway's. Gateways that share a database share it, so each takes the others' codes. */
  secret: string;
  store: Pick<Store, "isSetUp">;
  accounts: Pick<Accounts, "createFirstAdmin">;
  now?: () => number;
}

/** How long a code is good. */
export const SETUP_CODE_MS = 30 * 60_000;

/** Asked by every visitor's page while the gateway is new. */
const REMEMBERED_MS = 2000;

const PREFIX = "setup-";

export class Setup {
  readonly #options: Required<SetupOptions>;
  readonly #key: Uint8Array;
  #isDone = false;
  #askedAt = -Infinity;

  constructor(options: SetupOptions) {
    this.#options = { now: Date.now, ...options };
    this.#key = new Uint8Array(hkdfSync("sha256", options.secret, "co-link", "setup v1", 32));
  }

  /** Whether the first administrator is still to be made, as was known a moment ago. Throws `store_unavailable`. */
  async isOpen(): Promise<boolean> {
    const { store, now } = this.#options;
    if (this.#isDone || now() - this.#askedAt < REMEMBERED_MS) return !this.#isDone;
    this.#isDone = await store.isSetUp();
    this.#askedAt = now();
    return !this.#isDone;
  }

  /** A code for the operator's eyes, good for half an hour; null: there is nothing to set up any more. */
  async code(): Promise<string | null> {
    if (!await this.isOpen()) return null;
    return this.#codeUntil(this.#options.now() + SETUP_CODE_MS);
  }

  /**
   * Makes the first administrator. Throws `not_found` once there is one, `setup_refused` for a code
   * that is wrong or too old, and for the rest what registering throws.
   */
  async claim(code: string, { email, password }: Pick<Credentials, "email" | "password">) {
    if (!await this.isOpen()) throw closed();
    if (!this.#isGood(code.trim())) {
      throw new ColinkError(
        "setup_refused",
        "Cannot set up: the code is wrong or too old; print a new link with: server admin setup",
        { param: "code" },
      );
    }
    const made = await this.#options.accounts.createFirstAdmin(email, password);
    this.#isDone = true;
    if (made === null) throw closed();
    return made;
  }

  #codeUntil(untilMs: number): string {
    const until = Math.ceil(untilMs / 1000).toString(36);
    const mac = createHmac("sha256", this.#key).update(until).digest("hex").slice(0, 40);
    return `${PREFIX}${until}-${mac}`;
  }

  #isGood(code: string): boolean {
    const until = /^setup-([0-9a-z]{1,10})-[0-9a-f]{40}$/.exec(code)?.[1];
    if (until === undefined) return false;
    const untilMs = parseInt(until, 36) * 1000;
    return timingSafeEqual(Buffer.from(code), Buffer.from(this.#codeUntil(untilMs))) &&
      untilMs > this.#options.now();
  }
}

function closed(): ColinkError {
  return new ColinkError("not_found", "Cannot set up: this gateway has been set up already");
}

/** Setup of a new gateway: its first administrator is created once, with a code that only the operator can print. */

import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import { programName } from "../base/program_name.ts";
import type { Store } from "../store/store.ts";
import type { Accounts, Credentials } from "./accounts.ts";

export interface SetupOptions {
  /** The gateway's secret. Gateways on one database share it, so each accepts the others' codes. */
  secret: string;
  store: Pick<Store, "isSetUp">;
  accounts: Pick<Accounts, "createFirstAdmin">;
  clock: Clock;
}

/** How long a code is valid. */
export const SETUP_CODE_MS = 30 * 60_000;

/** How long the store's answer is reused: while a gateway is new, every visitor's page asks. */
const FRESH_MS = 2000;

const PREFIX = "setup-";

export class Setup {
  readonly #options: SetupOptions;
  readonly #key: Uint8Array;
  #isDone = false;
  #askedAt = -Infinity;

  constructor(options: SetupOptions) {
    this.#options = options;
    this.#key = new Uint8Array(hkdfSync("sha256", options.secret, "co-link", "setup v1", 32));
  }

  /** Whether there has never been an administrator, as of two seconds ago at most. Throws `store_unavailable`. */
  async isOpen(): Promise<boolean> {
    const { store, clock } = this.#options;
    if (this.#isDone || clock.monotonic() - this.#askedAt < FRESH_MS) return !this.#isDone;
    this.#isDone = await store.isSetUp();
    this.#askedAt = clock.monotonic();
    return !this.#isDone;
  }

  /** A code for the operator alone, valid for half an hour; null: the gateway has been set up. */
  async code(): Promise<string | null> {
    if (!await this.isOpen()) return null;
    return this.#codeUntil(this.#options.clock.now() + SETUP_CODE_MS);
  }

  /**
   * Creates the first administrator. Throws `not_found` once there was one, `setup_refused` for a
   * wrong or expired code, and otherwise as `Accounts.createAdmin` does.
   */
  async claim(code: string, { email, password }: Pick<Credentials, "email" | "password">) {
    if (!await this.isOpen()) throw closed();
    if (!this.#isValid(code.trim())) {
      throw new ColinkError(
        "setup_refused",
        `Cannot set up: the code is wrong or has expired; print a new link with: ${programName} admin setup`,
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

  #isValid(code: string): boolean {
    const until = /^setup-([0-9a-z]{1,10})-[0-9a-f]{40}$/.exec(code)?.[1];
    if (until === undefined) return false;
    const untilMs = parseInt(until, 36) * 1000;
    return timingSafeEqual(Buffer.from(code), Buffer.from(this.#codeUntil(untilMs))) &&
      untilMs > this.#options.clock.now();
  }
}

function closed(): ColinkError {
  return new ColinkError("not_found", "Cannot set up: this gateway has been set up already");
}

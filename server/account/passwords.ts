/** Passwords: bcrypt, off the event loop, a few at a time. */

import { hash, verify } from "@node-rs/bcrypt";
import { ColinkError } from "../base/error.ts";

const COST = 12;
const MAX_AT_ONCE = 4;
const MAX_WAITING = 64;

/** How long one hash takes about, as a hint for those who are sent away. */
const HASH_MS = 300;

const MIN_BYTES = 8;
/** bcrypt reads no further, so a longer one would be accepted with any ending. */
const MAX_BYTES = 72;

/** Salt and digest of nothing in particular: verifying against it takes its time and fails. */
const NOBODY = "KIXQkK2xZfHcJ6N9Ck9J5uQp0m3sTtVvWwXxYyZzAa0bBcCdDeE1e";

export class Passwords {
  readonly #cost: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** `cost`: lower it in tests only. */
  constructor({ cost = COST }: { cost?: number } = {}) {
    this.#cost = cost;
  }

  /** A hash to be stored. Throws `weak_password`, which names the form's field, or `login_throttled` when too many are waiting. */
  async hash(password: string, field = "password"): Promise<string> {
    const problem = problemWith(password);
    if (problem !== null) {
      throw new ColinkError("weak_password", `Cannot take this password: ${problem}`, {
        param: field,
      });
    }
    return await this.#oneOfFew(() => hash(password, this.#cost));
  }

  /**
   * Whether the password is the one that was hashed. Null, where there is no account, takes as
   * long as any other and is false. Throws `login_throttled` when too many are waiting.
   */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const isPossible = stored !== null && problemWith(password) === null;
    const against = isPossible ? stored : this.#nobody();
    const matches = await this.#oneOfFew(() => verify(password, against));
    return matches && isPossible;
  }

  #nobody(): string {
    return `$2b$${String(this.#cost).padStart(2, "0")}$${NOBODY}`;
  }

  async #oneOfFew<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_AT_ONCE) await this.#turn();
    else this.#running++;
    try {
      return await work();
    } finally {
      // Who waits longest takes over the place; only an unwanted place is given up.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** Throws `login_throttled` while too many are waiting. */
  expectRoom(): void {
    if (this.#waiting.length < MAX_WAITING) return;
    throw new ColinkError(
      "login_throttled",
      "Cannot check a password now: too many people are signing in; try again in a few seconds",
      { retryAfterMs: (MAX_WAITING / MAX_AT_ONCE) * HASH_MS },
    );
  }

  #turn(): Promise<void> {
    this.expectRoom();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** What is wrong with a password, for people; null: nothing. */
function problemWith(password: string): string | null {
  const bytes = new TextEncoder().encode(password).length;
  if (bytes < MIN_BYTES) return `it must be at least ${MIN_BYTES} bytes long`;
  if (bytes > MAX_BYTES) return `it must be at most ${MAX_BYTES} bytes long`;
  return password.includes("\0") ? "it must not contain NUL" : null;
}

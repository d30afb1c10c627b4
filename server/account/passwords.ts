/** Password hashing with bcrypt: off the event loop, a few at a time, with a bounded queue. */

import { hash, verify } from "@node-rs/bcrypt";
import { ColinkError } from "../base/error.ts";

const COST = 12;
const MAX_AT_ONCE = 4;
const MAX_WAITING = 64;

/** Roughly how long one hash takes: from this follows when a rejected caller should retry. */
const HASH_MS = 300;

const MIN_BYTES = 8;
/** bcrypt ignores the bytes after these, so a longer password would be accepted with any ending. */
const MAX_BYTES = 72;

/** An arbitrary salt and digest: verifying against it takes the usual time, and fails. */
const NO_ACCOUNT = "KIXQkK2xZfHcJ6N9Ck9J5uQp0m3sTtVvWwXxYyZzAa0bBcCdDeE1e";

export class Passwords {
  readonly #cost: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** `cost`: bcrypt's work factor; lower only in tests. */
  constructor({ cost = COST }: { cost?: number } = {}) {
    this.#cost = cost;
  }

  /** The hash to store. Throws `weak_password` with the form's `field`, or `login_throttled` when the queue is full. */
  async hash(password: string, field = "password"): Promise<string> {
    const problem = problemWith(password);
    if (problem !== null) {
      throw new ColinkError("weak_password", `Cannot take this password: ${problem}`, {
        param: field,
      });
    }
    return await this.#limited(() => hash(password, this.#cost));
  }

  /**
   * Whether the password matches the stored hash. Null, for an unknown account, takes as long as a
   * hash and is false. Throws `login_throttled` when the queue is full.
   */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const isPossible = stored !== null && problemWith(password) === null;
    const against = isPossible ? stored : this.#noAccountHash();
    const matches = await this.#limited(() => verify(password, against));
    return matches && isPossible;
  }

  #noAccountHash(): string {
    return `$2b$${String(this.#cost).padStart(2, "0")}$${NO_ACCOUNT}`;
  }

  /** Runs the work in one of `MAX_AT_ONCE` slots. */
  async #limited<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_AT_ONCE) await this.#turn();
    else this.#running++;
    try {
      return await work();
    } finally {
      // The slot passes to the first in the queue; only without one is it given up.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** Throws `login_throttled` while the queue is full. */
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

/** What is wrong with a password, for an error message; null: nothing. */
function problemWith(password: string): string | null {
  const bytes = new TextEncoder().encode(password).length;
  if (bytes < MIN_BYTES) return `it must be at least ${MIN_BYTES} bytes long`;
  if (bytes > MAX_BYTES) return `it must be at most ${MAX_BYTES} bytes long`;
  return password.includes("\0") ? "it must not contain NUL" : null;
}

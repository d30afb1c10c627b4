/** Password hashing with bcrypt: off the event loop, a few at a time, with a bounded queue. */

import { availableParallelism } from "node:os";
import { type Budget, Budgets } from "../base/budgets.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import { bcrypt, type PasswordHash } from "./bcrypt.ts";
import { type HashOrder, HashQueue } from "./hash_queue.ts";
import { HashThreads } from "./hash_threads.ts";

const COST = 12;
/** At most half of the processors: the others go on with calls. */
const AT_ONCE = Math.min(4, Math.max(1, Math.floor(availableParallelism() / 2)));
const MAX_WAITING = 64;
/** Of one network: others find room while it sends as many passwords as it can. */
const MAX_WAITING_PER_NETWORK = 8;

const TOO_MANY = "too many people are signing in";

/** Roughly how long one hash takes: from this follows when a rejected caller should retry. */
const HASH_MS = 300;

const MIN_BYTES = 8;
/** bcrypt ignores the bytes after these, so a longer password would be accepted with any ending. */
const MAX_BYTES = 72;

/** An arbitrary salt and digest: verifying against it takes the usual time, and fails. */
const NO_ACCOUNT = "KIXQkK2xZfHcJ6N9Ck9J5uQp0m3sTtVvWwXxYyZzAa0bBcCdDeE1e";

/** So many passwords that come alone are hashed with the program's own priority, and one more each time this passes. */
const MAX_AT_OWN_PRIORITY = 10;
const ONE_MORE_AFTER_MS = 10_000;

/** For passwords that do not come alone. Of all gateways of this process, so that an idle one serves whichever needs it. */
const threads = new HashThreads();

export interface PasswordsOptions {
  cost?: number;
  atOnce?: number;
  budgets?: Budgets;
  clock?: Clock;
}

export class Passwords {
  readonly #cost: number;
  readonly #atOnce: number;
  readonly #budget: Budget;
  readonly #clock: Clock;
  #running = 0;
  /** How many passwords were hashed with the program's own priority, as of a moment; it sinks with time. */
  #atOwnPriority = { count: 0, atMs: 0 };
  readonly #queue: HashQueue;

  /** `cost`: bcrypt's work factor; lower only in tests. `atOnce`: how many are hashed at a time. */
  constructor(options: PasswordsOptions = {}) {
    const { cost = COST, atOnce = AT_ONCE, budgets = new Budgets(), clock = systemClock } = options;
    this.#cost = cost;
    this.#atOnce = atOnce;
    this.#clock = clock;
    this.#queue = new HashQueue({
      limit: MAX_WAITING,
      limitPerNetwork: MAX_WAITING_PER_NETWORK,
      clock,
    });
    const used = () => this.#queue.size;
    this.#budget = budgets.add("passwords_waiting", { limit: MAX_WAITING, used });
  }

  /** The hash to store. Throws `weak_password` with the form's `field`, or `login_throttled` when the queue is full. */
  async hash(password: string, order: HashOrder = {}, field = "password"): Promise<string> {
    const problem = problemWith(password);
    if (problem !== null) {
      throw new ColinkError("weak_password", `Cannot take this password: ${problem}`, {
        param: field,
      });
    }
    return await this.#limited(order, (by) => by.hash(password, this.#cost));
  }

  /**
   * Whether the password matches the stored hash. Null, for an unknown account, or an empty one, for
   * an account without a password, takes as long as a hash and is false. Throws `login_throttled` when the queue is full.
   */
  async verify(
    password: string,
    stored: string | null,
    order: HashOrder = {},
  ): Promise<boolean> {
    const isPossible = stored !== null && stored !== "" && problemWith(password) === null;
    const against = isPossible ? stored : this.#noAccountHash();
    const matches = await this.#limited(order, (by) => by.verify(password, against));
    return matches && isPossible;
  }

  #noAccountHash(): string {
    return `$2b$${String(this.#cost).padStart(2, "0")}$${NO_ACCOUNT}`;
  }

  /** Runs the work in one of `atOnce` slots. */
  async #limited<T>(order: HashOrder, work: (by: PasswordHash) => Promise<T>): Promise<T> {
    const by = this.#running === 0 && this.#takeOwnPriority() ? bcrypt : threads;
    if (this.#running >= this.#atOnce) await this.#turn(order);
    else this.#running++;
    try {
      return await work(by);
    } finally {
      // The slot passes to the next in the queue; only without one is it given up.
      const next = this.#queue.next();
      if (next === undefined) this.#running--;
      else next.resume();
    }
  }

  /**
   * Whether a password that comes alone has the program's own priority: a few take nothing away from
   * calls that would be felt. Where many come one after the other, somebody may be trying as many as
   * the limits let through.
   */
  #takeOwnPriority(): boolean {
    const atMs = this.#clock.monotonic();
    const { count, atMs: beforeMs } = this.#atOwnPriority;
    const left = Math.max(0, count - (atMs - beforeMs) / ONE_MORE_AFTER_MS);
    if (left + 1 > MAX_AT_OWN_PRIORITY) return false;
    this.#atOwnPriority = { count: left + 1, atMs };
    return true;
  }

  /** Throws `login_throttled` where the order would find no place in the queue. */
  expectRoom(order: HashOrder = {}): void {
    const obstacle = this.#queue.obstacle(order);
    if (obstacle === "full") throw this.#full(TOO_MANY, MAX_WAITING);
    if (obstacle === null) return;
    const why = `${MAX_WAITING_PER_NETWORK} others of your network wait already`;
    throw this.#full(why, MAX_WAITING_PER_NETWORK);
  }

  #full(why: string, waiting: number): ColinkError {
    this.#budget.refused();
    return new ColinkError(
      "login_throttled",
      `Cannot check a password now: ${why}; try again in a few seconds`,
      { retryAfterMs: (waiting / this.#atOnce) * HASH_MS },
    );
  }

  /** Resolves when the order's turn comes; rejects when its place is given to another network. */
  #turn(order: HashOrder): Promise<void> {
    this.expectRoom(order);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const displace = () => reject(this.#full(TOO_MANY, MAX_WAITING));
    this.#queue.add({ order, resume: resolve, displace });
    return promise;
  }
}

/** What is wrong with a password, for an error message; null: nothing. */
function problemWith(password: string): string | null {
  const bytes = new TextEncoder().encode(password).length;
  if (bytes < MIN_BYTES) return `it must be at least ${MIN_BYTES} bytes long`;
  if (bytes > MAX_BYTES) return `it must be at most ${MAX_BYTES} bytes long`;
  return password.includes("\0") ? "it must not contain NUL" : null;
}

/** The calls that run or wait now, so that their deadline, a revoked key or a stopping gateway can end them. */

import type { Clock } from "../base/clock.ts";
import type { Call, StopCode } from "../schedule/call.ts";

export class Calls {
  /** In the order in which they began, each with when its time is up, in monotonic milliseconds. */
  readonly #calls = new Map<Call, number>();
  /** Cancels the one timer for the deadlines of all calls; null: none is set. */
  #cancelLook: (() => void) | null = null;
  #idle: PromiseWithResolvers<void> | null = null;

  /** `deadlineMs`: how long a call may take. */
  constructor(private readonly clock: Clock, private readonly deadlineMs: number) {}

  add(call: Call): void {
    this.#calls.set(call, this.clock.monotonic() + this.deadlineMs);
    this.#cancelLook ??= this.clock.after(this.deadlineMs, this.#stopLate);
  }

  remove(call: Call): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    this.#cancelLook?.();
    this.#cancelLook = null;
    this.#idle?.resolve();
    this.#idle = null;
  }

  get size(): number {
    return this.#calls.size;
  }

  stopKey(keyId: string): void {
    for (const call of this.#calls.keys()) {
      if (call.request.keyId === keyId) call.stop("key_revoked");
    }
  }

  stopAll(code: StopCode): void {
    for (const call of this.#calls.keys()) call.stop(code);
  }

  /** Resolves when no call is left. */
  idle(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve();
    return (this.#idle ??= Promise.withResolvers()).promise;
  }

  /** Stops the calls whose time is up, and looks again when the next one's is. */
  readonly #stopLate = (): void => {
    this.#cancelLook = null;
    const nowMs = this.clock.monotonic();
    for (const [call, dueMs] of this.#calls) {
      if (dueMs > nowMs) {
        this.#cancelLook = this.clock.after(Math.ceil(dueMs - nowMs), this.#stopLate);
        return;
      }
      call.stop("deadline_exceeded");
    }
  };
}

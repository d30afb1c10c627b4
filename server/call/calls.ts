/** The calls that run or wait now, so that their deadline, a revoked key or a stopping gateway can end them. */

import type { Clock } from "../base/clock.ts";
import { type Linked, LinkedList } from "../base/linked_list.ts";
import type { Call, StopCode } from "../schedule/call.ts";

/** A call among those that run or wait. */
interface Place extends Linked<Place> {
  readonly call: Call;
  /** When its time is up, in monotonic milliseconds. */
  readonly dueMs: number;
}

export class Calls {
  /** In the order in which they began. */
  readonly #calls = new LinkedList<Place>();
  #size = 0;
  /** Cancels the one timer for the deadlines of all calls; null: none is set. */
  #cancelLook: (() => void) | null = null;
  #idle: PromiseWithResolvers<void> | null = null;

  /** `deadlineMs`: how long a call may take. */
  constructor(private readonly clock: Clock, private readonly deadlineMs: number) {}

  /** Returns what `remove` takes. */
  add(call: Call): Place {
    const dueMs = this.clock.monotonic() + this.deadlineMs;
    const place: Place = { call, dueMs, before: null, after: null };
    this.#calls.add(place);
    this.#size++;
    this.#cancelLook ??= this.clock.after(this.deadlineMs, this.#stopLate);
    return place;
  }

  remove(place: Place): void {
    this.#calls.remove(place);
    if (--this.#size > 0) return;
    this.#cancelLook?.();
    this.#cancelLook = null;
    this.#idle?.resolve();
    this.#idle = null;
  }

  get size(): number {
    return this.#size;
  }

  stopKeys(keyIds: ReadonlySet<string>): void {
    for (const { call } of this.#calls) {
      if (keyIds.has(call.request.keyId)) call.stop("key_revoked");
    }
  }

  stopAll(code: StopCode): void {
    for (const { call } of this.#calls) call.stop(code);
  }

  /** Resolves when no call is left. */
  idle(): Promise<void> {
    if (this.#size === 0) return Promise.resolve();
    return (this.#idle ??= Promise.withResolvers()).promise;
  }

  /** Stops the calls whose time is up, and looks again when the next one's is. */
  readonly #stopLate = (): void => {
    this.#cancelLook = null;
    const nowMs = this.clock.monotonic();
    for (const { call, dueMs } of this.#calls) {
      if (dueMs > nowMs) {
        this.#cancelLook = this.clock.after(Math.ceil(dueMs - nowMs), this.#stopLate);
        return;
      }
      call.stop("deadline_exceeded");
    }
  };
}

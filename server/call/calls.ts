/** The calls that run or wait now, so that a revoked key or a stopping gateway can end them. */

import type { Call, StopCode } from "../schedule/call.ts";

export class Calls {
  readonly #calls = new Set<Call>();
  #idle: PromiseWithResolvers<void> | null = null;

  add(call: Call): void {
    this.#calls.add(call);
  }

  remove(call: Call): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    this.#idle?.resolve();
    this.#idle = null;
  }

  get size(): number {
    return this.#calls.size;
  }

  stopKey(keyId: string): void {
    for (const call of this.#calls) {
      if (call.request.keyId === keyId) call.stop("key_revoked");
    }
  }

  stopAll(code: StopCode): void {
    for (const call of this.#calls) call.stop(code);
  }

  /** Resolves when no call is left. */
  idle(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve();
    return (this.#idle ??= Promise.withResolvers()).promise;
  }
}

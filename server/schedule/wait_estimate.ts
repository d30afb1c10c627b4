/** How long calls of each service take, as far as was measured: what waits are estimated from. */

import { ByService, type Service } from "../node/service.ts";

/** What a call is taken to last until some were measured. */
const GUESSED_CALL_MS = 5_000;

/** Weight of the newest call in the moving average of a service's call times. */
const NEWEST_CALL_WEIGHT = 0.2;

/** Services beyond this are not measured. */
const MAX_SERVICES = 10_000;

export class WaitEstimate {
  readonly #callMs = new ByService<number>();

  /** A call of the service took so long. */
  measured(service: Service, durationMs: number): void {
    const before = this.#callMs.get(service);
    if (before === undefined && this.#callMs.size >= MAX_SERVICES) return;
    const average = before === undefined
      ? durationMs
      : before + NEWEST_CALL_WEIGHT * (durationMs - before);
    this.#callMs.set(service, average);
  }

  /** How long a newcomer would wait behind so many others for one of so many slots; a second or more. */
  expectedWaitMs(service: Service, inLine: number, slots: number): number {
    const callMs = this.#callMs.get(service) ?? GUESSED_CALL_MS;
    return Math.max(1000, Math.ceil(callMs * (inLine + 1) / Math.max(1, slots)));
  }
}

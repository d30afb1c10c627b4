/** Estimates how long a call waits for a slot, from the measured durations of earlier calls. */

import { ByService, type Service } from "../node/service.ts";

/** The assumed duration of a call while none of its service was measured. */
const DEFAULT_CALL_MS = 5_000;

/** Weight of the newest call in the moving average of a service's call durations. */
const NEWEST_CALL_WEIGHT = 0.2;

/** Services beyond this number are not measured. */
const MAX_SERVICES = 10_000;

export class WaitEstimate {
  readonly #callMs = new ByService<number>();

  /** Records the duration of a call of the service. */
  measured(service: Service, durationMs: number): void {
    const average = this.#callMs.get(service);
    if (average === undefined && this.#callMs.size >= MAX_SERVICES) return;
    const updated = average === undefined
      ? durationMs
      : average + NEWEST_CALL_WEIGHT * (durationMs - average);
    this.#callMs.set(service, updated);
  }

  /** The average duration of the service's calls; null: none was measured. */
  callMs(service: Service): number | null {
    return this.#callMs.get(service) ?? null;
  }

  /** How long a new call would wait behind `waiting` others for one of `slots`, in milliseconds; at least a second. */
  expectedWaitMs(service: Service, waiting: number, slots: number): number {
    const callMs = this.#callMs.get(service) ?? DEFAULT_CALL_MS;
    return Math.max(1000, Math.ceil(callMs * (waiting + 1) / Math.max(1, slots)));
  }
}

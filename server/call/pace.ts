/** How long calls of each model take, as far as was measured: what waits are estimated from. */

/** What a call is taken to last until some were measured. */
const GUESSED_CALL_MS = 5_000;

/** Weight of the newest call in the moving average of a model's call times. */
const NEWEST_CALL_WEIGHT = 0.2;

/** Models beyond this are not measured. */
const MAX_MODELS = 10_000;

export class Pace {
  readonly #callMs = new Map<string, number>();

  /** A call of the model took so long. */
  measured(model: string, durationMs: number): void {
    const before = this.#callMs.get(model);
    if (before === undefined && this.#callMs.size >= MAX_MODELS) return;
    const average = before === undefined
      ? durationMs
      : before + NEWEST_CALL_WEIGHT * (durationMs - before);
    this.#callMs.set(model, average);
  }

  /** How long a newcomer would wait behind so many others for one of so many slots; a second or more. */
  expectedWaitMs(model: string, inLine: number, slots: number): number {
    const callMs = this.#callMs.get(model) ?? GUESSED_CALL_MS;
    return Math.max(1000, Math.ceil(callMs * (inLine + 1) / Math.max(1, slots)));
  }
}

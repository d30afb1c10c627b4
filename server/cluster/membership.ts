/** This gateway's lease on being one of the network's, and the others that hold one. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Bus, Presence } from "./bus.ts";

/** A sign of life this often, and for how long one counts. */
export const BEAT_MS = 1_000;
export const LEASE_MS = 5_000;

/** Who comes or leaves says so; of many that do so at once, the roll is asked for once. */
const GATHER_MS = 20;

export interface MembershipParts {
  bus: Pick<Bus, "beat" | "opened">;
  clock: Clock;
  log: Log;
  /** This gateway as it is now. */
  presence: () => Presence;
  /** Called after each heartbeat that Redis has answered. `isNew`: what was written before is void. */
  onBeat: (isNew: boolean) => void;
}

export class Membership {
  readonly #others = new Map<string, Presence>();
  #fence = 0;
  /** Redis' clock minus this machine's. */
  #offsetMs = 0;
  #isHeard = false;
  #hasReported = false;
  /** From the first sign of life until it leaves. */
  #isActive = false;
  /** The next sign of life comes before its time. */
  #isSoon = false;
  #cancelBeat: () => void = () => {};

  constructor(private readonly parts: MembershipParts) {}

  /** Resolves after the first beat, answered or not. */
  async start(): Promise<void> {
    await this.parts.bus.opened();
    this.#isActive = true;
    await this.#beat();
  }

  stop(): void {
    this.#isActive = false;
    this.#cancelBeat();
  }

  /** The other gateways, as Redis last told: while it is away, those of before. */
  get others(): ReadonlyMap<string, Presence> {
    return this.#others;
  }

  /** Under which this gateway writes. */
  get fence(): number {
    return this.#fence;
  }

  /** Whether Redis answered lately. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  /** Redis' time for a time of this machine, both in UTC milliseconds. */
  toShared(localMs: number): number {
    return localMs + this.#offsetMs;
  }

  toLocal(sharedMs: number): number {
    return sharedMs - this.#offsetMs;
  }

  /** Says at once what has changed. */
  beatNow(): void {
    if (!this.#isActive) return;
    this.#cancelBeat();
    void this.#beat();
  }

  /** The roll is another than the one that is known: asks for it. */
  beatSoon(): void {
    if (!this.#isActive || this.#isSoon) return;
    this.#isSoon = true;
    this.#schedule(GATHER_MS);
  }

  #schedule(delayMs: number): void {
    this.#cancelBeat();
    this.#cancelBeat = this.parts.clock.after(delayMs, () => void this.#beat());
  }

  async #beat(): Promise<void> {
    const { bus, clock, presence, onBeat } = this.parts;
    this.#isSoon = false;
    const me = presence();
    try {
      const { nowMs, fence, gateways } = await bus.beat(me, this.#fence, LEASE_MS);
      if (!this.#isActive) return;
      this.#offsetMs = nowMs - clock.now();
      const isNew = fence !== this.#fence;
      this.#fence = fence;
      this.#others.clear();
      for (const other of gateways) if (other.id !== me.id) this.#others.set(other.id, other);
      this.#heard(true);
      onBeat(isNew);
    } catch (error) {
      if (this.#isActive) this.#heard(false, error);
    } finally {
      if (this.#isActive) this.#schedule(this.#isSoon ? GATHER_MS : BEAT_MS);
    }
  }

  #heard(isHeard: boolean, error?: unknown): void {
    this.#isHeard = isHeard;
    if (isHeard !== this.#hasReported) return;
    this.#hasReported = !isHeard;
    const { log } = this.parts;
    if (isHeard) {
      log.info({ gateways: this.#others.size + 1 }, "cluster: the other gateways are heard again");
    } else {
      const cause = error instanceof Error ? error.message : String(error);
      log.warn(
        { cause },
        "cluster: Redis does not answer, this gateway goes on with what it knows",
      );
    }
  }
}
